package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"numhook/server/event"
	"numhook/server/operator"
)

// tokenFile writes lines of tokens at the site.
func (s *site) tokenFile(lines ...string) string {
	s.Helper()
	file := filepath.Join(s.folder, "tokens")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// newToken runs the verb that makes one.
func (s *site) newToken(name string, role operator.Role) (made tokenMade) {
	s.Helper()
	s.read(&made, "token", "new", "--name", name, "--role", string(role))
	return made
}

// ask makes a call of the operators' API.
func (r *receiver) ask(method, path, token string) answer {
	r.Helper()
	return r.askWith(method, path, token, "")
}

// askWith is ask with a body of JSON.
func (r *receiver) askWith(method, path, token, body string) answer {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), method, r.operator+operator.Path+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := r.do(request)
	if err != nil {
		r.Fatal(err)
	}
	return got
}

// What was shown is in the store, also when the process is killed right after it.
func TestWhatWasShownIsWrittenDown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	alice, bob := s.newToken("alice", operator.Reader), s.newToken("bob", operator.Viewer)
	r := s.start("--operator-tokens", s.tokenFile(alice.Line, bob.Line))
	const number = "+13125550100"
	if got := r.post("/", cnamBody(1, "CANARY", number)); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if got := r.ask(http.MethodGet, "/events", bob.Token); got.status != http.StatusOK ||
		strings.Contains(got.body, "CANARY") || !strings.Contains(got.body, "+1312•••0100") {
		t.Errorf("a viewer: %v", got)
	}
	if got := r.ask(http.MethodGet, "/numbers/"+number, alice.Token); got.status != http.StatusOK ||
		!strings.Contains(got.body, `"CANARY"`) {
		t.Errorf("a reader: %v", got)
	}
	r.kill()
	var list []event.Access
	s.read(&list, "accesses", "list", "--object", number)
	if len(list) != 1 || list[0].Who != "alice" || list[0].Role != "reader" || list[0].From != "127.0.0.1" ||
		list[0].Action != "numbers show" || list[0].Result != event.AccessShown {
		t.Errorf("accesses %+v", list)
	}
	for _, secret := range []string{alice.Token, bob.Token, "CANARY", number} {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// A token counts as long as its line is in the file, without a restart.
func TestTokensAreReadAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	alice, bob := s.newToken("alice", operator.Viewer), s.newToken("bob", operator.Viewer)
	r := s.start("--operator-tokens", s.tokenFile(alice.Line))
	asks := func(made tokenMade, want int) func() bool {
		return func() bool { return r.ask(http.MethodGet, "/status", made.Token).status == want }
	}
	if !asks(alice, http.StatusOK)() || !asks(bob, http.StatusUnauthorized)() {
		t.Fatal("the file is not what counts")
	}
	s.tokenFile(alice.Line, bob.Line)
	eventually(t, startTime, "a token that was put there is good", asks(bob, http.StatusOK))
	s.tokenFile(bob.Line, "nonsense")
	r.awaitText("the line has 1 words, not 3")
	if !asks(alice, http.StatusOK)() {
		t.Error("a file that is wrong took a token away")
	}
	s.tokenFile("# nobody")
	eventually(t, startTime, "tokens that were taken away are refused", func() bool {
		return r.ask(http.MethodGet, "/status", alice.Token).status >= http.StatusUnauthorized
	})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if got, err := r.get(path); err != nil || got.status != http.StatusOK {
			t.Errorf("%s: %v %v", path, got, err)
		}
	}
}

// An operator steers the receiver that serves.
func TestAnOperatorSteers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ann := s.newToken("ann", operator.Operator)
	file := filepath.Join(s.folder, "numhook.yaml")
	config := "downstreams:\n  - name: ali\n    url: file:" + filepath.Join(s.folder, "out.ndjson") + "\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.start("--operator-tokens", s.tokenFile(ann.Line), "--config", file)
	const number = "+13125550100"
	if got := r.post("/", cnamBody(1, "A", number)); got.status != http.StatusOK {
		t.Fatal(got)
	}
	broken := `{"event":"number_management.peering_number_cnam_updated"}`
	if got := r.post("/", broken); got.status != http.StatusBadRequest {
		t.Fatal(got)
	}
	says := func(method, path, body string, want ...string) func() bool {
		return func() bool {
			got := r.askWith(method, path, ann.Token, body)
			for _, text := range want {
				if !strings.Contains(got.body, text) {
					return false
				}
			}
			return got.status == http.StatusOK
		}
	}
	confirmed := says(http.MethodGet, "/numbers/"+number, "", `"downstream":"ali"`, `"state":"delivered"`,
		`"confirmed":"20`)
	eventually(t, startTime, "the value is confirmed", confirmed)
	for _, step := range []func() bool{
		says(http.MethodPost, "/downstreams/ali/pause", `{"why":"a test"}`, `"state":"paused"`, `"paused_why":"a test"`),
		says(http.MethodPost, "/replay", `{"downstream":"ali","dry_run":true}`, `"rows":1`),
		says(http.MethodPost, "/replay", `{"downstream":"ali","number":"`+number+`","expected":1}`, `"rows":1`),
		says(http.MethodGet, "/deliveries?state=waiting", "", number),
		says(http.MethodPost, "/deliveries/skip", `{"state":"waiting","dry_run":true}`, `"rows":1`),
		says(http.MethodPost, "/downstreams/ali/resume", "", `"state":"active"`),
		says(http.MethodPost, "/quarantine/1/redrive?dry_run=true", "", `"result":"refused"`, `"rule":"required"`),
		says(http.MethodPost, "/quarantine/1/redrive", "", `"result":"refused"`),
		says(http.MethodPost, "/quarantine/1/discard", "", `"state":"discarded"`),
	} {
		if !step() {
			t.Fatalf("a step does not hold; the log is %s", r.log)
		}
	}
	eventually(t, startTime, "the value is confirmed again", confirmed)
	var list []event.Access
	s.read(&list, "accesses", "list", "--who", "ann")
	done := map[string]event.AccessResult{}
	for _, a := range list {
		done[a.Action+" "+a.Object+" "+a.Detail] = a.Result
	}
	for what, want := range map[string]event.AccessResult{
		"downstreams pause downstream ali why=a test": event.AccessDone,
		"replay " + number + " downstream=ali":        event.AccessDone,
		"quarantine redrive quarantine entry 1 ":      event.AccessRefused,
		"quarantine discard quarantine entry 1 ":      event.AccessDone,
	} {
		if done[what] != want {
			t.Errorf("%s is %q, want %q", what, done[what], want)
		}
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the receiver ended with code %d", code)
	}
	r = s.start("--operator-tokens", filepath.Join(s.folder, "tokens"), "--config", file)
	var counted struct{ Items []gotStep }
	got := r.ask(http.MethodGet, "/activity?step=hour", ann.Token)
	if err := json.Unmarshal([]byte(got.body), &counted); err != nil {
		t.Fatal(got, err)
	}
	sum := gotStep{Refused: map[string]int{}}
	for _, step := range counted.Items { // it may have been around the full hour
		sum.Accepted, sum.HandedOn = sum.Accepted+step.Accepted, sum.HandedOn+step.HandedOn
		sum.Refused["invalid"] += step.Refused["invalid"]
	}
	if sum.Accepted != 1 || sum.HandedOn != 2 || sum.Refused["invalid"] != 1 {
		t.Errorf("activity %+v", counted)
	}
}

// gotStep is a step of the activity.
type gotStep struct {
	Accepted int
	HandedOn int `json:"handed_on"`
	Refused  map[string]int
}

func TestWithoutTokensThereIsNoAPI(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	if got := r.ask(http.MethodGet, "/status", "x"); got.status != http.StatusNotFound {
		t.Error(got)
	}
	r.awaitText("make a token with numhook token new")
}

func TestDevelopmentPrintsAToken(t *testing.T) {
	t.Parallel()
	r := startReceiver(t, "--dev")
	_, after, _ := strings.Cut(r.out.String(), "Authorization: Bearer ")
	token, rest, found := strings.Cut(after, "'")
	if !found || !strings.Contains(rest, r.operator+operator.Path+"/status") {
		t.Fatalf("it prints %s", r.out)
	}
	if got := r.ask(http.MethodGet, "/status", token); got.status != http.StatusOK {
		t.Error(got)
	}
	if strings.Contains(r.log.String(), token) {
		t.Error("the log holds the token")
	}
}

// The document is served as it is, and says how the receiver stands.
func TestStatusOverTLS(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certFile, keyFile := filepath.Join(s.folder, "cert.pem"), filepath.Join(s.folder, "key.pem")
	cert, key := newPair(t, 1)
	for file, content := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	alice := s.newToken("alice", operator.Viewer)
	r := s.launch("--operator-tokens", s.tokenFile(alice.Line), "--operator-tls-cert", certFile, "--operator-tls-key",
		keyFile)
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(cert)
	r.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trust}
	r.awaitReady()
	got := r.ask(http.MethodGet, "/status", alice.Token)
	var status struct {
		Store, Version string
		Ready          bool
		Document       struct {
			Digest string
			Events []string
		}
	}
	if err := json.Unmarshal([]byte(got.body), &status); err != nil || status.Store != "sqlite" || !status.Ready ||
		len(status.Document.Digest) != 64 || len(status.Document.Events) != 2 {
		t.Errorf("%v: %v", got, err)
	}
}

func TestWhatOperatorsMustNotUse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	alice := s.newToken("alice", operator.Reader)
	file := s.tokenFile(alice.Line)
	open := filepath.Join(s.folder, "open")
	if err := os.WriteFile(open, []byte(alice.Line), 0o644); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(s.folder, "empty")
	if err := os.WriteFile(empty, []byte("# nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ operator, args, says string }{
		{"0.0.0.0:0", "--operator-tokens " + file, "in plain HTTP on an address that is not loopback"},
		{"0.0.0.0:0", "", "in plain HTTP on an address that is not loopback"},
		{"127.0.0.1:0", "--operator-tokens " + open, "can be read by others (mode 0644)"},
		{"127.0.0.1:0", "--operator-tokens " + empty, "holds no token"},
		{"127.0.0.1:0", "--operator-tokens " + file + ".gone", "cannot be read"},
		{"127.0.0.1:0", "--operator-tokens=", "--operator-tokens: it names no file"},
		{"", "--operator-tokens " + file, "--operator-listen is empty"},
		{"127.0.0.1:0", "--operator-tls-cert " + file, "--operator-tls-cert and --operator-tls-key go together"},
	} {
		args := append([]string{"serve", "--listen", "127.0.0.1:0", "--operator-listen", c.operator},
			strings.Fields(c.args)...)
		got := s.run(args...)
		if got.code != exitUse || !strings.Contains(got.stderr, c.says) || strings.Contains(got.stderr, alice.Line) {
			t.Errorf("%q: exit code %d: %s", args, got.code, got.stderr)
		}
	}
	r := s.launch("--operator-listen", "0.0.0.0:0", "--behind-proxy", "--operator-tokens", file)
	r.awaitText(fmt.Sprintf("%q", "operator listening"))
}
