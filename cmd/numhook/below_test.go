package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/listener"
)

// expectBelow waits until a kind was counted so often, and looks for the line about it, which shows nothing of what was
// sent.
func (r *receiver) expectBelow(kind listener.Kind, many float64) {
	r.Helper()
	sample := fmt.Sprintf(`numhook_connections_refused_total{kind=%q,listener="deliveries"}`, kind)
	eventually(r, endTime, fmt.Sprintf("%s is counted %v times", kind, many),
		func() bool { return r.metrics()[sample] == many })
	eventually(r, endTime, "there is a line", func() bool {
		for _, entry := range r.log.entries() {
			if entry["msg"] == "connection" && entry["kind"] == string(kind) && strings.HasPrefix(fmt.Sprint(entry["remote"]),
				"127.0.0.1:") {
				return true
			}
		}
		return false
	})
	if strings.Contains(r.log.String(), "MARK") {
		r.Errorf("the log shows what was sent")
	}
}

// What net/http answers by itself, or not at all, is counted by kind and has a line.
func TestWhatFailsBelowTheHandlerIsSeen(t *testing.T) {
	t.Parallel() // it mostly waits
	r := startReceiver(t)
	address := strings.TrimPrefix(r.url, "http://")
	for _, one := range []struct {
		kind   listener.Kind
		text   string
		status int // 0 for none
		cut    bool
	}{
		{listener.Malformed, "MARK\r\n\r\n", http.StatusBadRequest, false},
		{listener.ProxyHeader, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request("{}"), http.StatusBadRequest, false},
		{listener.HeaderSize, "POST / HTTP/1.1\r\nHost: r\r\nX-Long: " + strings.Repeat("MARK", 50<<10) + "\r\n\r\n",
			http.StatusRequestHeaderFieldsTooLarge, false},
		{listener.Encoding, "POST / HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: MARK\r\n\r\n", http.StatusNotImplemented,
			false},
		{listener.Version, "POST / HTTP/3.0\r\nHost: r\r\n\r\n", http.StatusHTTPVersionNotSupported, false},
		{listener.Expectation, "POST / HTTP/1.1\r\nHost: r\r\nExpect: MARK\r\nContent-Length: 1\r\n\r\n",
			http.StatusExpectationFailed, false},
		{listener.HeaderTimeout, "POST / HTTP/1.1\r\nX-MARK: ", 0, false},
		{listener.HeaderCut, "POST / HTTP/1.1\r\nX-MARK: ", 0, true},
	} {
		w := dial(t, address)
		_, _ = w.Write([]byte(one.text)) // what is too long may be cut off
		if one.cut {
			w.Close()
		} else if got := w.status(); got != one.status {
			t.Errorf("%s: the answer is %d, want %d", one.kind, got, one.status)
		}
		r.expectBelow(one.kind, 1)
	}
	second := dial(t, address)
	second.write("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c123456789012" + request("{}"))
	second.expect(http.StatusBadRequest)
	r.expectBelow(listener.ProxyHeader, 2)
	dial(t, address).Close() // a balancer's check is nothing to tell
	silent, began := dial(t, address), time.Now()
	if got := silent.status(); got != 0 || time.Since(began) > 10*time.Second {
		t.Errorf("a silent connection got %d after %v", got, time.Since(began))
	}
	r.expectBelow(listener.HeaderTimeout, 2)

	// After a request, a stranger's connection ends soon, and the sender's does not.
	sender, stranger := dial(t, address), dial(t, address)
	sender.write(request(cnamBody(1, "A", "+12025550100")))
	sender.expect(http.StatusOK)
	stranger.write("POST / HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\n\r\n")
	stranger.expect(http.StatusUnauthorized)
	began = time.Now()
	if got := stranger.status(); got != 0 || time.Since(began) > listener.StrangerIdle+3*time.Second {
		t.Errorf("a stranger's idle connection got %d after %v", got, time.Since(began))
	}
	if testing.Short() {
		return
	}
	<-time.After(listener.StrangerIdle + 5*time.Second)
	sender.write(request(cnamBody(2, "A", "+12025550100")))
	sender.expect(http.StatusOK)
}

func TestHandshakesThatFailAreSeen(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	cert, key := newPair(t, 1)
	certFile, keyFile := filepath.Join(s.folder, "cert.pem"), filepath.Join(s.folder, "key.pem")
	for file, content := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := s.start("--tls-cert", certFile, "--tls-key", keyFile)
	address := strings.TrimPrefix(r.url, "https://")

	plain := dial(t, address)
	plain.write(request("{}"))
	plain.expect(http.StatusBadRequest)
	r.expectBelow(listener.TLSPlain, 1)

	if _, err := tls.Dial("tcp", address, &tls.Config{}); err == nil {
		t.Error("a certificate that nobody vouches for was trusted")
	}
	r.expectBelow(listener.TLSAlert, 1)

	if _, err := tls.Dial("tcp", address, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		InsecureSkipVerify: true}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	r.expectBelow(listener.TLSFailed, 1)

	unfinished := dial(t, address)
	unfinished.write("\x16\x03\x01\x02\x00\x01")
	if got := unfinished.status(); got != 0 {
		t.Errorf("an unfinished handshake got %d", got)
	}
	r.expectBelow(listener.TLSUnfinished, 1)

	proxy := dial(t, address)
	proxy.write("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\x16\x03\x01\x02\x00\x01")
	proxy.status()
	r.expectBelow(listener.ProxyHeader, 1)

	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("the protocol is %q", got)
	}
}

// Behind a proxy the log names whom the proxy names, and the proxy's connections stay.
func TestTrustedProxiesNameTheRemote(t *testing.T) {
	t.Parallel()
	r := newSite(t).start("--trusted-proxies", "127.0.0.0/8,10.0.0.0/8")
	body := cnamBody(1, "A", "+12025550100")
	header := signed(testSecret, body)
	header.Set("X-Forwarded-For", "203.0.113.1, 198.51.100.7, 10.1.2.3")
	if got := r.postWith("/", body, header); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if got := r.delivered(1)["remote"]; got != "198.51.100.7" {
		t.Errorf("the remote is %v", got)
	}
}

func TestPlainHTTPIsWarnedOf(t *testing.T) {
	t.Parallel()
	warned := func(args ...string) bool {
		r := newSite(t).start(args...)
		return strings.Contains(r.log.String(), "serving plain HTTP")
	}
	if warned() {
		t.Error("on loopback there is a warning")
	}
	if !warned("--listen", "0.0.0.0:0") {
		t.Error("there is no warning")
	}
	if warned("--listen", "0.0.0.0:0", "--behind-proxy") {
		t.Error("there is a warning, though it was said that it is meant")
	}
}
