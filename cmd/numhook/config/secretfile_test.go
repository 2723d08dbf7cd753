package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The secrets of a downstream are read by the rules of the receiver's own.
func TestSecretFilesOfDownstreams(t *testing.T) {
	at := folder(t)
	const entry = "downstreams: [{name: a, url: https://h/x, secret_file: own.secret}]"
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(at, "own.secret"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\uFEFF# the old one and the new one\r\n\r\n\"" + goodSecret + "\"\r\n  '" + goodSecret + "' \r\n")
	if got, err := load(t, at, entry); err != nil || len(got.Downstreams[0].Secrets) != 2 {
		t.Errorf("%+v: %v", got, err)
	}
	for text, want := range map[string]string{
		"# one\nSECRET=" + goodSecret:       "line 2 of the secret_file has the form KEY=value",
		goodSecret + "," + goodSecret:       "line 1 of the secret_file holds a comma",
		goodSecret + " # the old one":       "line 1 of the secret_file holds white space",
		"\xff\xfew\x00h\x00s\x00e\x00c\x00": "own.secret is UTF-16",
	} {
		write(text)
		if got := strings.Join(complaints(t, at, entry), "\n"); !strings.Contains(got, want) ||
			strings.Contains(got, goodSecret) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
