package postgres

import (
	"strings"
	"testing"
)

// To another machine nothing goes in clear text unless somebody asked for that.
func TestEncryptionIsAskedFor(t *testing.T) {
	for _, name := range []string{"PGHOST", "PGSSLMODE", "PGSERVICE", "PGSERVICEFILE", "PGSSLROOTCERT"} {
		t.Setenv(name, "")
	}
	for url, refused := range map[string]bool{
		"postgres://u:p@db.example/x":                              true,
		"postgres://u:p@192.0.2.1/x":                               true,
		"postgres://u:p@[2001:db8::1]/x":                           true,
		"postgres://u:p@db.example/x?sslmode=prefer":               true,
		"postgres://u:p@db.example/x?sslmode=allow":                true,
		"postgres://u:p@localhost,db.example/x":                    true,
		"postgres://u:p@localhost.example/x":                       true,
		"host=db.example user=u password=p":                        true,
		"postgres://u:p@/x?host=db.example":                        true,
		"postgres://u:p@127.0.0.1/x?host=db.example":               true,
		"postgres://u:p@db.example/x?sslmode=require":              false,
		"postgres://u:p@db.example/x?sslmode=verify-full":          false,
		"postgres://u:p@db.example/x?sslmode=disable":              false,
		"postgres://u:p@a.example,b.example/x?sslmode=require":     false,
		"postgres://u:p@localhost/x":                               false,
		"postgres://u:p@127.0.0.7/x":                               false,
		"postgres://u:p@[::1]/x":                                   false,
		"postgres://u:p@/x?host=/var/run/postgresql":               false,
		"postgres://u:p@127.0.0.1,localhost,[::1]/x?sslmode=allow": false,
	} {
		_, err := parse(url)
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "does not say how to encrypt (sslmode)") {
			t.Errorf("%s: %v, want it refused: %v", url, err, refused)
		}
	}
	t.Setenv("PGSSLMODE", "prefer")
	if _, err := parse("postgres://u:p@db.example/x"); err == nil {
		t.Error("PGSSLMODE=prefer: not refused")
	}
	t.Setenv("PGSSLMODE", "verify-full")
	if _, err := parse("postgres://u:p@db.example/x"); err != nil {
		t.Errorf("PGSSLMODE=verify-full: %v", err)
	}
	t.Setenv("PGSSLMODE", "")
	t.Setenv("PGHOST", "db.example")
	if _, err := parse("postgres:///x"); err == nil {
		t.Error("PGHOST: not refused")
	}
}
