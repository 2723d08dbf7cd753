package postgrestest

import (
	"errors"
	"os"
	"sync"
	"testing"
)

// shared is closed by nobody: the watchdog does it.
var shared = sync.OnceValues(func() (*Server, error) { return Start("") })

// New is the URL of an empty database for the test, on the shared server.
func New(t testing.TB) string {
	t.Helper()
	url, err := Shared(t).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// Shared is the server that the tests of a package share. It must not be stopped.
func Shared(t testing.TB) *Server {
	t.Helper()
	server, err := shared()
	if err != nil {
		unavailable(t, err)
	}
	return server
}

// Own is a server of the test's own, which it may stop and start. settings are name=value.
func Own(t testing.TB, settings ...string) *Server {
	t.Helper()
	server, err := Start("", settings...)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", server.Log())
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// unavailable skips the test where PostgreSQL is missing, except in CI, where nothing may be skipped.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip("NOT TESTED: everything that needs PostgreSQL. " + err.Error())
	}
	t.Fatal(err)
}
