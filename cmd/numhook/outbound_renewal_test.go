package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// noter is a downstream that notes how it was called.
type noter struct {
	mu    sync.Mutex
	calls []http.Header
	certs []int64 // serial numbers of the clients' certificates
}

func (n *noter) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, r.Header)
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		n.certs = append(n.certs, r.TLS.PeerCertificates[0].SerialNumber.Int64())
	}
}

// last is the last of so many calls, once they were made.
func (n *noter) last(t *testing.T, many int) (last http.Header) {
	t.Helper()
	eventually(t, startTime, fmt.Sprintf("%d calls were made", many), func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		if len(n.calls) >= many {
			last = n.calls[len(n.calls)-1]
		}
		return last != nil
	})
	return last
}

// failures are what the log says of renewals that failed, as "FILE: ERROR".
func (l *transcript) failures() (lines []string) {
	for _, entry := range l.entries() {
		if entry["msg"] == "cannot renew: what was read before stays in use" {
			lines = append(lines, fmt.Sprintf("%v: %v", entry["file"], entry["error"]))
		}
	}
	return lines
}

// awaitFailure waits until a renewal of the file has failed, and holds log, metric and /readyz to telling of it.
func (r *receiver) awaitFailure(t *testing.T, file, why string) {
	t.Helper()
	eventually(t, startTime, "the log tells of "+file, func() bool {
		return slices.ContainsFunc(r.log.failures(), func(line string) bool {
			return strings.HasPrefix(line, file+": ") &&
				strings.Contains(line, why)
		})
	})
	if got := metric(t, r, `numhook_reload_failed{file="`+file+`"}`); got != "1" {
		t.Errorf("%s: the metric is %q", file, got)
	}
	var ready readiness
	if err := json.Unmarshal([]byte(r.ready().body), &ready); err != nil || !ready.Ready ||
		!strings.Contains(ready.Warnings["renewal"], file+": ") {
		t.Errorf("%s: /readyz says %+v (%v)", file, ready, err)
	}
}

// awaitRenewed waits until the file was renewed so often, and nothing is left of a failure.
func (r *receiver) awaitRenewed(t *testing.T, file, times string) {
	t.Helper()
	eventually(t, startTime, file+" is renewed", func() bool {
		return metric(t, r, `numhook_reloads_total{file="`+file+`",outcome="renewed"}`) == times
	})
	if got := metric(t, r, `numhook_reload_failed{file="`+file+`"}`); got != "0" {
		t.Errorf("%s: the metric is %q", file, got)
	}
}

// What signs a downstream's changes and what is sent along are renewed while they are in use; wrong files change
// nothing.
func TestWhatSignsIsRenewed(t *testing.T) {
	t.Parallel()
	const file, along = "downstream crm secret_file", "downstream crm headers_file"
	older, newer := strings.Repeat("o", 32), strings.Repeat("n", 32)
	line := func(key string) string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) + "\n" }
	got := &noter{}
	server := httptest.NewServer(got)
	t.Cleanup(server.Close)
	s := newSite(t)
	secrets, headers, configFile := filepath.Join(s.folder, "crm.secret"), filepath.Join(s.folder, "crm.headers"),
		filepath.Join(s.folder, "c.yaml")
	replaceFile(t, secrets, line(older))
	replaceFile(t, headers, "Authorization: Bearer one\n")
	replaceFile(t, configFile, "downstreams:\n- {name: crm, url: \""+server.URL+"\", allow_private: true, secret_file: "+
		"crm.secret, headers_file: crm.headers}\n")
	r := s.start("--config", configFile)
	calls := 0
	expect := func(authorization string, keys ...string) {
		t.Helper()
		calls++
		if answer := r.post("/", cnamBody(int64(calls), fmt.Sprint("NAME ", calls), "+12025550101")); answer.status !=
			http.StatusOK {
			t.Fatal(answer)
		}
		header := got.last(t, calls)
		if header.Get("Authorization") != authorization {
			t.Errorf("call %d: it sent %q, want %q", calls, header.Get("Authorization"), authorization)
		}
		if signatures := strings.Fields(header.Get("Webhook-Signature")); len(signatures) != len(keys) {
			t.Errorf("call %d has %d signatures, want %d", calls, len(signatures), len(keys))
		}
	}
	expect("Bearer one", older)
	replaceFile(t, secrets, line(newer)+line(older))
	replaceFile(t, headers, "Authorization: Bearer two\n")
	r.signal(syscall.SIGHUP)
	r.awaitRenewed(t, file, "1")
	r.awaitRenewed(t, along, "1")
	expect("Bearer two", newer, older)
	replaceFile(t, secrets, "whsec_canary\n")
	replaceFile(t, headers, "canary\n")
	r.awaitFailure(t, file, "line 1 of the secret_file is")
	r.awaitFailure(t, along, "line 1 is no header")
	expect("Bearer two", newer, older)
	replaceFile(t, secrets, line(newer))
	replaceFile(t, headers, "Authorization: Bearer three\n")
	r.awaitRenewed(t, file, "2")
	r.awaitRenewed(t, along, "2")
	expect("Bearer three", newer)
	if lines := r.log.failures(); len(lines) != 2 || strings.Contains(r.log.String(), "canary") {
		t.Errorf("the log says %q, or quotes a file", lines)
	}
	if ready := r.ready().body; strings.Contains(ready, "renewal") {
		t.Errorf("mended: /readyz says %s", ready)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// Whom a downstream's TLS trusts and what it shows are renewed while they are in use; wrong files change nothing, and
// one that is about to end is told of.
func TestTheCertificatesOfADownstreamAreRenewed(t *testing.T) {
	t.Parallel()
	const trust, shown = "downstream crm ca_file", "downstream crm client_cert"
	first, firstKey := newPair(t, 1)
	second, secondKey := newPair(t, 2)
	served, err := tls.X509KeyPair(first, firstKey)
	if err != nil {
		t.Fatal(err)
	}
	other, err := tls.X509KeyPair(second, secondKey)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	now := &served // guarded by mu
	got := &noter{}
	server := httptest.NewUnstartedServer(got)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		return &tls.Config{ClientAuth: tls.RequireAnyClientCert, Certificates: []tls.Certificate{*now}}, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.SetKeepAlivesEnabled(false) // a handshake for each change
	server.StartTLS()
	t.Cleanup(server.Close)

	s := newSite(t)
	at := func(name string) string { return filepath.Join(s.folder, name) }
	replaceFile(t, at("crm.secret"), "whsec_"+base64.StdEncoding.EncodeToString([]byte(strings.Repeat("o", 32)))+"\n")
	replaceFile(t, at("ca.pem"), string(first))
	clientCert, clientKey := newPair(t, 11) // ends within the hour
	replaceFile(t, at("c.pem"), string(clientCert))
	replaceFile(t, at("c.key"), string(clientKey))
	replaceFile(t, at("c.yaml"), "downstreams:\n- {name: crm, url: \""+server.URL+"\", allow_private: true, "+
		"secret_file: crm.secret, "+
		"ca_file: ca.pem, client_cert: c.pem, client_key: c.key, retry: {first: 20ms, factor: 2, max: 300ms}}\n")
	r := s.start("--config", at("c.yaml"))
	if ready := r.ready().body; !strings.Contains(ready, shown+": the certificate expires on ") {
		t.Errorf("/readyz says %s", ready)
	}
	r.awaitText("the certificate expires on ")
	if left := metric(t, r, `numhook_certificate_expires_seconds{file="`+shown+`"}`); !strings.HasPrefix(left, "3") ||
		len(left) < 4 {
		t.Errorf("the certificate ends in %q seconds", left)
	}
	calls := 0
	expect := func(serial int64) {
		t.Helper()
		calls++
		if answer := r.post("/", cnamBody(int64(calls), fmt.Sprint("NAME ", calls), "+12025550101")); answer.status !=
			http.StatusOK {
			t.Fatal(answer)
		}
		got.last(t, calls)
		got.mu.Lock()
		defer got.mu.Unlock()
		if last := got.certs[len(got.certs)-1]; last != serial {
			t.Errorf("call %d showed certificate %d, want %d", calls, last, serial)
		}
	}
	expect(11)
	der, _ := pem.Decode(second)
	if _, err := x509.ParseCertificate(der.Bytes); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, at("ca.pem"), string(der.Bytes))
	replaceFile(t, at("c.pem"), string(second))
	r.awaitFailure(t, trust, "it holds its certificate as DER, not as PEM")
	r.awaitFailure(t, shown, "the key does not fit the certificate")
	expect(11)
	replaceFile(t, at("ca.pem"), string(second))
	replaceFile(t, at("c.key"), string(secondKey))
	r.awaitRenewed(t, trust, "1")
	r.awaitRenewed(t, shown, "1")
	mu.Lock()
	now = &other
	mu.Unlock()
	expect(2)
	mu.Lock()
	now = &served // which is trusted no more
	mu.Unlock()
	if answer := r.post("/", cnamBody(100, "LAST", "+12025550101")); answer.status != http.StatusOK {
		t.Fatal(answer)
	}
	eventually(t, startTime, "the old one is refused", func() bool {
		var rows []deliveryRow
		s.read(&rows, "deliveries", "list")
		return len(rows) == 1 && strings.Contains(rows[0].Reason, "authority that is not trusted")
	})
	mu.Lock()
	now = &other
	mu.Unlock()
	calls++
	got.last(t, calls)
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}
