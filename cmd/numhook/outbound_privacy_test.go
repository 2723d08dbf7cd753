package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
		"HTTP/1.1 500 " + echo + "\r\nRetry-After: " + c["phone number"] + "\r\nX-Echo: " + echo + "\r\nContent-Length: " +
			fmt.Sprint(len(echo)) + "\r\n\r\n" + echo,
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

// tellers are systems that tell what they were sent, in every place where an answer can.
func tellers(t *testing.T) map[string]*system {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(canaries["downstream's secret"])
	if err != nil {
		t.Fatal(err)
	}
	// Where it is open whether an attempt reached the system, the next one waits until that has timed out.
	const settles = "    timeout: 1s\n" + retryFast
	const one = "    only: {carrier_codes: [1]}" // its breaker would draw out what more than one change are told
	systems := map[string]*system{"tells": newSystem(t, "tells", "latest", settles, one),
		"refuses": newSystem(t, "refuses", "every", retryFast)}
	for _, name := range []string{"redirects", "gone", "down", "nobody"} {
		systems[name] = newSystem(t, name, "latest", retryFast)
	}
	for name, sys := range systems {
		sys.secret = secret
		host := sys.address
		if name == "nobody" {
			host = "nobody.invalid" // it does not resolve
		}
		sys.url = "http://" + host + "/" + canaries["downstream's path"] + "?" + canaries["downstream's query"] + "=" +
			canaries["downstream's path"]
	}
	systems["tells"].behave(telling(rawAnswers()))
	systems["refuses"].behave(echoing(http.StatusUnprocessableEntity))
	systems["redirects"].behave(echoing(http.StatusFound))
	systems["gone"].behave(echoing(http.StatusGone))
	systems["down"].down()
	return systems
}

// A real run with systems that tell, and with others that cannot be reached; then nothing that the process wrote or
// showed to its operator, and no reason that the store keeps, holds any of what the deliveries and the configuration
// held.
func TestNothingPersonalLeavesTheWayOut(t *testing.T) {
	t.Parallel() // it mostly waits
	s, c, systems := newSite(t), canaries, tellers(t)
	configFile := s.configure(c["downstream's header"], slices.Collect(maps.Values(systems))...)
	appendTo(t, configFile, `  - {name: program, url: "exec:/bin/sh", args: [-c, "tee /dev/stderr; exit 1"]}
  - {name: jetstream, url: "nats://`+systems["down"].address+`/changes", allow_private: true}
  - {name: kafka, url: "kafka://`+systems["down"].address+`/changes", allow_private: true, timeout: 1s}
  - {name: sasl, url: "kafka://`+systems["down"].address+
		`/changes?sasl=scram-sha-256&creds=broker.creds", allow_private: true, timeout: 1s}
  - {name: saslplain, url: "kafka://`+systems["tells"].address+
		`/changes?sasl=plain&tls=true&creds=broker.creds", allow_private: true, timeout: 1s}
  - {name: notls, url: "https://`+systems["refuses"].address+`/`+c["downstream's path"]+
		`", allow_private: true, secret_file: tells.secret}
  - {name: proxied, url: "http://downstream.invalid/", secret_file: tells.secret,
     proxy: "http://user:`+c["proxy's password"]+`@`+systems["down"].address+`"}
  - {name: noproxy, url: "https://downstream.invalid/", secret_file: tells.secret,
     proxy: "https://user:`+c["proxy's password"]+`@nobody.invalid:1"}
`)
	replaceFile(t, filepath.Join(s.folder, "broker.creds"), "user:"+c["broker's password"]+"\n")
	named := filepath.Join(s.folder, "systems.yaml")
	if err := os.Rename(configFile, named); err != nil {
		t.Fatal(err)
	}
	secrets := filepath.Join(s.folder, "secrets")
	if err := os.WriteFile(secrets, []byte(c["secret"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := s.start("--secret-file", secrets, "--config", named)
	run := &canaryRun{receiver: r}
	address := strings.Replace(addressBody(2000, c["address line 1"], c["phone number"]), `"carrier_code":8801`,
		`"carrier_code":1`, 1)
	for _, body := range []string{cnamBody(1000, c["name"], c["phone number"], c["another phone number"]), address} {
		if got := r.postWith("/", body, signed(c["secret"], body)); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	s.settled(2*time.Minute, systems["tells"])
	rows := run.awaitReasons("refuses", "redirects", "gone", "down", "nobody", "program", "jetstream", "kafka",
		"sasl", "saslplain", "notls", "proxied", "noproxy")
	for _, row := range rows {
		got := s.run("deliveries", "show", fmt.Sprint(row.ID))
		if got.code != exitGood {
			t.Errorf("row %v: %+v", row.ID, got)
		}
		// the change itself is shown
		for _, password := range []string{c["proxy's password"], c["broker's password"], c["downstream's path"]} {
			if strings.Contains(got.stdout+got.stderr, password) {
				t.Errorf("row %v of %s shows %s", row.ID, row.Downstream, password)
			}
		}
	}
	s.awaitStatus(startTime, "refuses", "has dead rows", func(d event.DownstreamStatus) bool { return d.Dead == 3 })
	s.awaitStatus(startTime, "gone", "is paused", func(d event.DownstreamStatus) bool { return !d.Paused.IsZero() })
	for _, args := range [][]string{{"downstreams", "status"}, {"downstreams", "status", "gone"},
		{"downstreams", "status", "--format", "json"}, {"replay", "--all", "--dry-run"},
		{"config", "check", "--config", named}} {
		got := s.run(args...)
		if got.code != exitGood {
			t.Errorf("%v: %+v", args, got)
		}
		run.problems.WriteString(got.stdout + got.stderr)
	}
	for _, path := range []string{"/metrics", "/readyz"} {
		got, err := r.get(path)
		if err != nil {
			t.Fatal(err)
		}
		run.problems.WriteString(got.body)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	run.problems.WriteString(r.out.String() + r.log.String())
	expectNoCanary(t, run.problems.String())
	if !strings.Contains(r.log.String(), `"tells"`) || len(rows) < 20 {
		t.Errorf("the test's own search would not find anything: %d rows, %s", len(rows), r.log)
	}
}

// awaitReasons waits until there is a reason for a failure of each of the downstreams, and keeps all that there are.
func (run *canaryRun) awaitReasons(downstreams ...string) (rows []deliveryRow) {
	run.Helper()
	eventually(run, startTime, "there is a reason for every downstream that failed", func() bool {
		run.read(&rows, "deliveries", "list", "--state", "all")
		reasons := map[string]bool{}
		for _, row := range rows {
			if row.Reason != "" {
				reasons[row.Downstream] = true
			}
		}
		return !slices.ContainsFunc(downstreams, func(name string) bool { return !reasons[name] })
	})
	for _, row := range rows {
		run.problems.WriteString(row.Reason + "\n")
	}
	return rows
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		t.Fatal(err)
	}
}
