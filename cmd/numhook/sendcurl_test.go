package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"numhook/server/signature"
	"numhook/server/terminal"
)

// TestPrintedCommandsSendTheBody pastes what --print prints into each shell that there is, where a file lies under
// every name that a body gives.
func TestPrintedCommandsSendTheBody(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl to paste into")
	}
	var got []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ = io.ReadAll(r.Body)
		timestamp, sum := r.Header.Get(signature.HeaderTimestamp), r.Header.Get(signature.HeaderSignature)
		if sum != signature.Sign([]byte(testSecret), timestamp, got) {
			t.Errorf("the signature %q is not that of the body", sum)
		}
	}))
	defer server.Close()
	s := newSite(t)
	for _, name := range []string{"secret.txt", "-", "a"} {
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte("CONTENTS OF A FILE"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, body := range []string{
		"@secret.txt", "<secret.txt", "@-", "@", "-a", "--help", "{\"a\":\"b'c\\\"d $HOME `id` \\\\ !! %s %% \\\\n\"}\n",
		"a\r\nb\r\n\r\n", "a=@secret.txt;type=x", "\x1b[2J\u202e\u009b\x7f",
		"::set-output name=a::b", "##[add-mask]a", "%s%n", "東京", string(all), strings.Repeat("0123456789abcde\t", 20_000), "",
	} {
		file := filepath.Join(s.folder, "body")
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		printed := s.run("send", "--print", "--url", server.URL+"/{a,b}[1-2]?q='x'", "body")
		if printed.code != exitGood || strings.Count(printed.stdout, "\n") != 1 || !utf8.ValidString(printed.stdout) ||
			strings.ContainsFunc(strings.TrimSuffix(printed.stdout, "\n"), terminal.Steers) {
			t.Fatalf("%.40q is printed with code %d as %.200q: %s", body, printed.code, printed.stdout, printed.stderr)
		}
		for _, shell := range []string{"sh", "bash", "dash", "busybox"} {
			if _, err := exec.LookPath(shell); err != nil {
				continue
			}
			got = nil
			command := exec.CommandContext(context.Background(), shell)
			if shell == "busybox" {
				command.Args = append(command.Args, "sh")
			}
			command.Dir, command.Env, command.Stdin = s.folder, s.env, strings.NewReader(printed.stdout)
			if out, err := command.CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("HTTP/1.1 200 OK")) {
				t.Errorf("%s, %.40q: %v: %.200s", shell, body, err, out)
			}
			if string(got) != body {
				t.Errorf("%s: %.40q is sent as %.40q", shell, body, got)
			}
		}
	}
	for _, url := range []string{"file:///etc/hostname", "-o", "@secret.txt", "localhost:8080", "http://", ":"} {
		if printed := s.run("send", "--print", "--url="+url, "body"); printed.code != exitUse || printed.stdout != "" ||
			!strings.Contains(printed.stderr, "--url") {
			t.Errorf("--url %s: %+v", url, printed)
		}
	}
}
