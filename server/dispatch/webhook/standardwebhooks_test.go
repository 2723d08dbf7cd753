package webhook

import (
	"bufio"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// installed is where "make needs" installs the npm package standardwebhooks, below the repository's root.
const installed = ".bin/standardwebhooks"

// independentReceiver starts a server that verifies with that package, and returns its URL. Without the package or
// without node the test is skipped, but not where everything is to be there.
func independentReceiver(t *testing.T, secret string) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("../../..", installed))
	if err != nil {
		t.Fatal(err)
	}
	_, missing := os.Stat(filepath.Join(folder, "node_modules", "standardwebhooks"))
	if _, noNode := exec.LookPath("node"); missing != nil || noNode != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("there is no node, or no standardwebhooks in %s: run 'make needs'", installed)
		}
		t.Skipf("NOT VERIFIED BY STANDARDWEBHOOKS: there is no node, or no standardwebhooks in %s: run 'make needs'",
			installed)
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/standardwebhooks/receiver.mjs", folder, secret)
	node.Stderr = os.Stderr
	input, err := node.StdinPipe() // it ends with the test's process, too
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = input.Close(); _ = node.Wait() })
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/changes"
}

func TestAnIndependentReceiverVerifies(t *testing.T) {
	older, newer, other := randomSecret(24), exampleSecret, randomSecret(64)
	url := independentReceiver(t, older)
	for name, c := range map[string]struct {
		secrets []string
		want    dispatch.Outcome
	}{
		"its secret":                 {[]string{older}, confirmed},
		"the newer beside its older": {[]string{newer, older}, confirmed},
		"the older first":            {[]string{older, newer}, confirmed},
		"another's": {[]string{newer, other}, dispatch.Outcome{Verdict: event.Refused, Reason: "status 401",
			Alive: true}},
		"none": {nil, dispatch.Outcome{Verdict: event.Refused, Reason: "status 401", Alive: true}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{URL: url, AllowPrivate: true}
			for _, text := range c.secrets {
				cfg.Secrets = append(cfg.Secrets, parsed(t, text))
			}
			wantOutcome(t, newSender(t, cfg).Send(t.Context(), change), c.want)
		})
	}
	s := newSender(t, Config{URL: url, AllowPrivate: true, Secrets: []Secret{parsed(t, older)}})
	s.now = func() time.Time { return time.Now().Add(-6 * time.Minute) } // a repetition that somebody recorded
	wantOutcome(t, s.Send(t.Context(), change), dispatch.Outcome{Verdict: event.Refused, Reason: "status 401",
		Alive: true})
}

func TestAnIndependentReceiverRefusesWhatWasTamperedWith(t *testing.T) {
	url := independentReceiver(t, exampleSecret)
	now := time.Now()
	for name, tamper := range map[string]func(h http.Header, body []byte) []byte{
		"nothing": func(_ http.Header, body []byte) []byte { return body },
		"body":    func(_ http.Header, body []byte) []byte { return append(body, ' ') },
		"id":      func(h http.Header, body []byte) []byte { h.Set(HeaderID, "chg_other"); return body },
		"timestamp": func(h http.Header, body []byte) []byte {
			h.Set(HeaderTimestamp, strconv.FormatInt(now.Unix()+1, 10))
			return body
		},
	} {
		body := []byte(string(change.Body))
		h := http.Header{}
		h.Set(HeaderID, change.ID)
		h.Set(HeaderTimestamp, timestamp(now))
		h.Set(HeaderSignature, Sign(parsed(t, exampleSecret), change.ID, now, body))
		body = tamper(h, body)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = h
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = got.Body.Close()
		if want := map[bool]int{true: 204, false: 401}[name == "nothing"]; got.StatusCode != want {
			t.Errorf("with another %s it answers %d, want %d", name, got.StatusCode, want)
		}
	}
}
