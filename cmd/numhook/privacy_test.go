package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Canaries stand where personal data and credentials stand. Each is a text that nothing else would produce.
var canaries = map[string]string{
	"phone number":             "+99900077700",
	"another phone number":     "+99900077701",
	"number with no plus":      "99900077702",
	"number as a number":       "99900077703",
	"address line 1":           "17 Canary Close",
	"address line 2":           "Canary Floor",
	"city":                     "Canaryville",
	"state":                    "CANARYSTATE",
	"zip":                      "CANARYZIP",
	"country":                  "CANARYLAND",
	"name":                     "CANARY DENTAL",
	"account":                  "canary-account-77",
	"unknown member":           "canaryMember",
	"unknown member's value":   "canary of an unknown member",
	"number as a member":       "+99900077704",
	"event name":               "canary.event.for.+99900077705",
	"path":                     "canary-path-99900077706",
	"query":                    "canaryquery99900077707",
	"secret":                   "canary-secret-of-the-app",
	"proxy's password":         "canary-password-of-the-proxy",
	"broker's password":        "canary-password-of-the-broker",
	"second secret":            "canary-secret-of-the-old-app",
	"client id":                "canary-client-id",
	"authorization":            "canary-authorization",
	"challenge token":          "canary_challenge_token",
	"bad challenge token":      "v0:1:canary",
	"user agent":               "canary-agent",
	"unsigned request id":      "canary-unsigned-request-id",
	"request id with a number": "+99900077708",
	"host":                     "canary-host",
	"downstream's path":        "canary-downstream-path",
	"downstream's query":       "canary-downstream-query",
	"downstream's secret":      "Y2FuYXJ5LXNlY3JldC1vZi10aGUtZG93bnN0cmVhbS4uLg==",
	"downstream's header":      "canary-downstream-header",
}

// A real run with every kind of delivery; then nothing that the process wrote, showed to its operator or answered to a
// delivery that it refused holds any of what personal data and credentials the deliveries held.
func TestNothingPersonalLeavesTheReceiver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	secrets := filepath.Join(s.folder, "secrets")
	if err := os.WriteFile(secrets, []byte(canaries["secret"]+"\n"+canaries["second secret"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.start("--secret-file", secrets, "--max-body", "64KiB")
	run := &canaryRun{receiver: r}
	run.everyKind(t)
	var said strings.Builder
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/" + canaries["path"]} {
		got, err := r.get(path)
		if err != nil {
			t.Fatal(err)
		}
		said.WriteString(got.body)
	}
	redriven := s.run("quarantine", "redrive")
	if redriven.code != exitNo {
		t.Errorf("the redrive: %+v", redriven)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	said.WriteString(run.problems.String() + redriven.stdout + redriven.stderr + r.out.String() + r.log.String())
	expectNoCanary(t, said.String())
	if !strings.Contains(run.accepted.String(), canaries["phone number"]) {
		t.Error("the test's own search would not find anything")
	}
	for kind, want := range map[string]int{"accepted": 4, "duplicate": 1, "challenge": 1, "bad_challenge": 1,
		"unsigned": 5, "too_large": 1, "malformed": 3, "invalid": 3,
		"unknown_event": 2, "wrong_method": 1} {
		if got := r.countKind(kind); got != want {
			t.Errorf("%d deliveries of kind %s are in the log, want %d", got, kind, want)
		}
	}
}

// expectNoCanary fails when any canary is in the text, in any of its forms.
func expectNoCanary(t *testing.T, text string) {
	t.Helper()
	for what, canary := range canaries {
		for form, search := range forms(canary) {
			if at := strings.Index(text, search); at >= 0 {
				t.Errorf("the %s got out (%s): %s", what, form, text[max(0, at-200):min(len(text), at+100)])
			}
		}
	}
}

// forms are the ways in which a text may be written.
func forms(text string) map[string]string {
	escaped, _ := json.Marshal(text)
	return map[string]string{
		"plain": text, "in JSON": strings.Trim(string(escaped), `"`), "without the plus": strings.TrimPrefix(text, "+"),
		"percent-encoded": strings.ReplaceAll(strings.ReplaceAll(text, "+", "%2B"), " ", "%20"),
		"in lower case":   strings.ToLower(text),
	}
}

// canaryRun delivers canaries and gathers the answers.
type canaryRun struct {
	*receiver
	problems, accepted strings.Builder
}

func (run *canaryRun) everyKind(t *testing.T) {
	t.Helper()
	c := canaries
	cnam := cnamBody(1000, c["name"], c["phone number"], c["another phone number"], c["number with no plus"])
	address := `{"event":"` + addressEvent + `","event_ts":2000,"payload":{"account_id":"` + c["account"] +
		`","object":{"carrier_code":1,"phone_numbers":["` +
		c["phone number"] + `"],"emergency_address":{"address_line1":"` + c["address line 1"] + `","address_line2":"` +
		c["address line 2"] + `","city":"` + c["city"] +
		`","state_code":"` + c["state"] + `","zip":"` + c["zip"] + `","country":"` + c["country"] + `"}}}}`
	drifting := strings.Replace(address, `"event_ts":2000`, `"event_ts":2001,"`+c["unknown member"]+`":"`+
		c["unknown member's value"]+`","`+c["number as a member"]+`":1`, 1)
	swap := func(body, old, new string) string {
		if !strings.Contains(body, old) {
			t.Fatalf("%s is not in %s", old, body)
		}
		return strings.Replace(body, old, new, 1)
	}
	for _, d := range []struct {
		name, path, body string
		status           int
		header           http.Header // nil: signed
	}{
		{"cnam", "/?" + c["query"] + "=1", cnam, 200, nil},
		{"again", "/", cnam, 200, signed(c["second secret"], cnam)},
		{"address", "/" + addressEvent, address, 200, nil},
		{"unknown members", "/", drifting, 200, nil},
		{"request id", "/", swap(cnam, "1000", "1001"), 200, with(signed(c["secret"], swap(cnam, "1000", "1001")),
			"X-Zm-Request-Id", c["request id with a number"])},
		{"other secret", "/", cnam, 401, signed("somebody else's", cnam)},
		{"unsigned", "/", cnam, 401, http.Header{"X-Zm-Request-Id": {c["unsigned request id"]},
			"X-Zm-Signature": {c["authorization"]}}},
		{"unsigned at a path", "/" + c["path"], address, 401, http.Header{}},
		{"changed", "/", address, 401, signed(c["secret"], cnam)},
		{"unsigned challenge", "/", challengeOf(c["challenge token"]), 401, http.Header{}},
		{"challenge", "/", challengeOf(c["challenge token"]), 200, nil},
		{"bad challenge", "/", challengeOf(c["bad challenge token"]), 400, nil},
		{"truncated", "/", cnam[:len(cnam)-1], 400, nil},
		{"duplicate member", "/", swap(address, `"city"`, `"city":"`+c["city"]+`","city"`), 400, nil},
		{"duplicate unknown member", "/", swap(drifting, `"payload"`, `"`+c["number as a member"]+`":2,"payload"`), 400, nil},
		{"number of a number", "/", swap(cnam, `"`+c["phone number"]+`"`, c["number as a number"]), 400, nil},
		{"name as an object", "/", swap(cnam, `"`+c["name"]+`"`, `{"`+c["number as a member"]+`":"`+c["name"]+`"}`), 400,
			nil},
		{"wrong everywhere", "/" + addressEvent, `{"event":1,"payload":{"object":"` + c["phone number"] + `"},"` +
			c["unknown member"] + `":1}`, 400, nil},
		{"unknown event", "/", swap(cnam, cnamEvent, c["event name"]), 404, nil},
		{"unknown event at a path", "/" + c["path"], swap(cnam, cnamEvent, c["event name"]), 404, nil},
		{"too large", "/", swap(cnam, c["name"], strings.Repeat(c["name"], 10_000)), 413, nil},
	} {
		header := d.header
		if header == nil {
			header = signed(c["secret"], d.body)
		}
		header.Set("Clientid", c["client id"])
		header.Set("Authorization", "Basic "+c["authorization"])
		header.Set("User-Agent", c["user agent"])
		got := run.postWith(d.path, d.body, header)
		if got.status != d.status {
			t.Errorf("%s: %v, want %d", d.name, got, d.status)
		}
		run.keep(got)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, run.url+"/"+c["path"]+"?"+c["query"],
		http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = c["host"]
	got, err := run.do(request)
	if err != nil || got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %v, %v", got, err)
	}
	run.keep(got)
	broken := dial(t, strings.TrimPrefix(run.url, "http://")) // what net/http itself refuses
	broken.write("POST /" + c["path"] + " HTTP/1.1\r\nHost: " + c["host"] + "\r\nContent-Length: 1\r\nContent-Length: " +
		"2\r\nAuthorization: " + c["authorization"] + "\r\n\r\n")
	broken.expect(http.StatusBadRequest)
}

// keep puts an answer to those that may quote the event, or to those that may not.
func (run *canaryRun) keep(got answer) {
	if got.status == http.StatusOK {
		run.accepted.WriteString(got.body)
		return
	}
	run.problems.WriteString(got.body)
	for name, values := range got.header {
		run.problems.WriteString(name + strings.Join(values, " "))
	}
}

func with(header http.Header, name, value string) http.Header {
	header.Set(name, value)
	return header
}

func challengeOf(token string) string {
	return `{"payload":{"plainToken":"` + token + `"},"event_ts":1654503849680,"event":"endpoint.url_validation"}`
}
