package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"numhook/server/certreload"
)

// TestASecretWrittenInPieces: while somebody writes into the file, what it held is good, and when the last change is
// some seconds old only what it holds is.
func TestASecretWrittenInPieces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secrets")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first, second = "the-first-secret-of-all", "another-secret-of-the-tests"
	write(first + "\n")
	log := slog.New(slog.DiscardHandler)
	source, err := servedSecrets(file, false, certreload.NewReloader(log), log)
	if err != nil {
		t.Fatal(err)
	}
	secrets := source.(renewedSecrets)
	good := func() string {
		var all []string
		for _, secret := range secrets.Current() {
			all = append(all, string(secret))
		}
		slices.Sort(all)
		return strings.Join(all, " ")
	}
	for _, step := range []struct{ written, want string }{
		{first[:17], first + " " + first[:17]}, // a torso that is long enough to be a secret
		{second[:20], second[:20] + " " + first + " " + first[:17]},
		{second, second + " " + second[:20] + " " + first + " " + first[:17]},
		{first + "\n" + second, second + " " + second[:20] + " " + first + " " + first[:17]},
	} {
		write(step.written + "\n")
		secrets.Renew(true)
		want := strings.Fields(step.want)
		slices.Sort(want)
		if got := good(); got != strings.Join(want, " ") {
			t.Errorf("with %q in the file %s are good, want %v", step.written, got, want)
		}
	}
	left := secrets.left.Load()
	if wait := time.Until(left.until); wait <= 0 || wait > leavingTime {
		t.Errorf("what is gone goes on being good for %v", wait)
	}
	secrets.left.Store(&leaving{secrets: left.secrets, until: time.Now()})
	if got, want := good(), second+" "+first; got != want {
		t.Errorf("in the end %s are good, want %s", got, want)
	}
}
