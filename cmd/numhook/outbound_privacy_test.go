package main

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// rawAnswers are what a system can write that Go's own errors quote, and retried all of them.
func rawAnswers() []string {
	c := canaries
	echo := c["phone number"] + " " + c["name"] + " " + c["address line 1"]
	return []string{
		"HTTP/1.1 500 " + echo + "\r\nRetry-After: " + c["phone number"] + "\r\nX-Echo: " + echo + "\r\nContent-Length: " + fmt.Sprint(len(echo)) + "\r\n\r\n" + echo,
		"HTTP/1.1 " + c["phone number"] + " " + c["name"] + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + echo + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + c["city"] + "\r\n\r\n",
		echo + "\r\n\r\n",
		"HTTP/1.1 204 OK\r\nContent-Length: " + c["phone number"] + "\r\n\r\n",
		"",
	}
}

// telling answers each of the raw answers once a change, and cuts the connection; then it confirms.
func telling(answers []string) manner {
	return func(w http.ResponseWriter, r *http.Request, earlier int) {
		if earlier >= len(answers) {
			confirm(w, r, earlier)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte(answers[earlier]))
		_ = conn.Close()
	}
}

// echoing refuses every change with what it was sent.
func echoing(status int) manner {
	return func(w http.ResponseWriter, _ *http.Request, _ int) {
		c := canaries
		w.Header().Set("Location", "http://"+c["host"]+"/"+c["path"]+"?"+c["query"])
		w.Header().Set("X-Echo", c["phone number"])
		w.WriteHeader(status)
		fmt.Fprint(w, c["phone number"], c["name"], c["address line 1"])
	}
}

// A real run with systems that tell what they were sent, in every place where an answer can; then nothing that the process wrote or showed to its operator, and
// no reason that the store keeps, holds any of what the deliveries and the configuration held.
func TestNothingPersonalLeavesTheWayOut(t *testing.T) {
	t.Parallel() // it mostly waits
	c := canaries
	secret, err := base64.StdEncoding.DecodeString(c["downstream's secret"])
	if err != nil {
		t.Fatal(err)
	}
	const one = "    only: {carrier_codes: [1]}" // its breaker would draw out what more than one change are told
	tells, refuses, redirects := newSystem(t, "tells", "latest", retryFast, one), newSystem(t, "refuses", "every", retryFast), newSystem(t, "redirects", "latest", retryFast)
	gone, down, nobody := newSystem(t, "gone", "latest", retryFast), newSystem(t, "down", "latest", retryFast), newSystem(t, "nobody", "latest", retryFast)
	systems := []*system{tells, refuses, redirects, gone, down, nobody}
	for _, sys := range systems {
		sys.secret = secret
	}
	tells.behave(telling(rawAnswers()))
	refuses.behave(echoing(http.StatusUnprocessableEntity))
	redirects.behave(echoing(http.StatusFound))
	gone.behave(echoing(http.StatusGone))
	down.down()
	s := newSite(t)
	config := s.configure(c["downstream's header"], systems...)
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	address, replaced := nobody.address, strings.ReplaceAll(string(text), "/changes\n", "/"+c["downstream's path"]+"?"+c["downstream's query"]+"="+c["downstream's path"]+"\n")
	_, port, _ := net.SplitHostPort(address)
	replaced = strings.Replace(replaced, address, "nobody.invalid:"+port, 1) // a name that does not resolve
	config = filepath.Join(s.folder, "systems.yaml")
	others := `  - {name: program, url: "exec:/bin/sh", args: [-c, "tee /dev/stderr; exit 1"]}
  - {name: jetstream, url: "nats://` + down.address + `/changes", allow_private: true}
  - {name: kafka, url: "kafka://` + down.address + `/changes", allow_private: true, timeout: 1s}
`
	if err := os.WriteFile(config, []byte(replaced+others), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets := filepath.Join(s.folder, "secrets")
	if err := os.WriteFile(secrets, []byte(c["secret"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.start("--secret-file", secrets, "--config", config)
	address1 := `{"event":"` + addressEvent + `","event_ts":2000,"payload":{"account_id":"` + c["account"] + `","object":{"carrier_code":1,"phone_numbers":["` +
		c["phone number"] + `"],"emergency_address":{"address_line1":"` + c["address line 1"] + `","city":"` + c["city"] + `","zip":"` + c["zip"] + `"}}}}`
	for _, body := range []string{cnamBody(1000, c["name"], c["phone number"], c["another phone number"]), address1} {
		if got := r.postWith("/", body, signed(c["secret"], body)); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	s.settled(2*time.Minute, tells)
	eventually(t, startTime, "all are refused", func() bool { return s.standing("refuses").Dead == 3 })
	redirects.await(3)
	eventually(t, startTime, "it is paused", func() bool { return s.standing("gone").State == statePaused })
	var said strings.Builder
	var rows []owedShown
	eventually(t, startTime, "there is a reason for every downstream that failed", func() bool {
		s.read(&rows, "deliveries", "list", "--state", "all")
		reasons := map[string]bool{}
		for _, row := range rows {
			if row.Reason != "" {
				reasons[row.Downstream] = true
			}
		}
		return len(reasons) == len(systems)-1+strings.Count(others, "- {name") // tells has all by now
	})
	for _, row := range rows {
		said.WriteString(row.Reason + "\n")
		if (row.Downstream == "refuses") != (row.State == event.Dead) {
			t.Errorf("a row of %s is %s", row.Downstream, row.State)
		}
	}
	for _, args := range [][]string{{"downstreams", "status"}, {"downstreams", "status", "gone"}, {"downstreams", "status", "--format", "json"}, {"replay", "--all", "--dry-run"},
		{"config", "check", "--config", config}} {
		got := s.run(args...)
		if got.code != exitGood {
			t.Errorf("%v: %+v", args, got)
		}
		said.WriteString(got.stdout + got.stderr)
	}
	for _, path := range []string{"/metrics", "/readyz"} {
		got, err := r.get(path)
		if err != nil {
			t.Fatal(err)
		}
		said.WriteString(got.body)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	said.WriteString(r.out.String() + r.log.String())
	for what, canary := range canaries {
		for form, search := range forms(canary) {
			if at := strings.Index(said.String(), search); at >= 0 {
				t.Errorf("the %s got out (%s): %s", what, form, said.String()[max(0, at-200):min(said.Len(), at+100)])
			}
		}
	}
	if !strings.Contains(r.log.String(), `"tells"`) || len(rows) < 20 {
		t.Errorf("the test's own search would not find anything: %d rows, %s", len(rows), r.log)
	}
}
