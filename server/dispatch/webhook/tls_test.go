package webhook

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// authority signs certificates.
type authority struct {
	*testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{T: t, certificate: template}
	der, key := a.sign(template)
	a.key = key
	a.certificate, _ = x509.ParseCertificate(der)
	a.file = a.write("CERTIFICATE", der)
	return a
}

// sign makes a certificate for a new key; the authority's own signs itself.
func (a *authority) sign(template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	a.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), signer); err != nil {
		a.Fatal(err)
	}
	return der, key
}

func (a *authority) write(kind string, der []byte) (path string) {
	a.Helper()
	path = filepath.Join(a.TempDir(), "file.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.Fatal(err)
	}
	return path
}

// issue is a certificate for a name, of a server or of a client, and its files.
func (a *authority) issue(
	name string, until time.Time, use x509.ExtKeyUsage,
) (pair tls.Certificate, certFile, keyFile string) {
	a.Helper()
	der, key := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{use},
	})
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, a.write("CERTIFICATE", der),
		a.write("PRIVATE KEY", raw)
}

// secure is a server of TLS. Its URL names it localhost.
func secure(t *testing.T, conf *tls.Config, handle http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handle)
	server.TLS = conf
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

func TestTLS(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	good, _, _ := ours.issue("localhost", later, x509.ExtKeyUsageServerAuth)
	expired, _, _ := ours.issue("localhost", time.Now().Add(-time.Minute), x509.ExtKeyUsageServerAuth)
	misnamed, _, _ := ours.issue("other.example", later, x509.ExtKeyUsageServerAuth)
	misused, clientCert, clientKey := ours.issue("localhost", later, x509.ExtKeyUsageClientAuth)
	_, strangeCert, strangeKey := others.issue("client", later, x509.ExtKeyUsageClientAuth)
	clients := x509.NewCertPool()
	clients.AddCert(ours.certificate)
	asking := &tls.Config{Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs: clients}
	plain := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	retry := func(reason string) dispatch.Outcome {
		return dispatch.Outcome{Verdict: event.Retry, Reason: "TLS: " + reason}
	}
	for name, c := range map[string]struct {
		server *tls.Config
		client Config
		want   dispatch.Outcome
	}{
		"trusted": {plain(good), Config{CAFile: ours.file}, confirmed},
		"unknown to the system": {plain(good), Config{}, retry("the certificate is signed by an authority that is " +
			"not trusted")},
		"another authority": {plain(good), Config{CAFile: others.file},
			retry("the certificate is signed by an authority that is not trusted")},
		"expired": {plain(expired), Config{CAFile: ours.file},
			retry("the certificate has expired, or is not valid yet")},
		"another name": {plain(misnamed), Config{CAFile: ours.file},
			retry("the certificate is for another name")},
		"for clients": {plain(misused), Config{CAFile: ours.file},
			retry("the certificate is not valid for this use")},
		"TLS 1.2": {&tls.Config{Certificates: []tls.Certificate{good}, MaxVersion: tls.VersionTLS12},
			Config{CAFile: ours.file}, confirmed},
		"TLS 1.1": {&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10,
			MaxVersion: tls.VersionTLS11}, Config{CAFile: ours.file},
			retry("the other side says: tls: protocol version not supported")},
		"a client's is given": {asking, Config{CAFile: ours.file, CertFile: clientCert, KeyFile: clientKey},
			confirmed},
		"a client's is missing": {asking, Config{CAFile: ours.file},
			retry("the other side says: tls: certificate required")},
		"a client's is a stranger's": {asking, Config{CAFile: ours.file, CertFile: strangeCert, KeyFile: strangeKey},
			retry("the other side says: tls: unknown certificate authority")},
		"a client's is not asked for": {plain(good), Config{CAFile: ours.file, CertFile: clientCert, KeyFile: clientKey},
			confirmed},
	} {
		t.Run(name, func(t *testing.T) {
			var protocol atomic.Value
			c.client.URL = secure(t, c.server, func(_ http.ResponseWriter, r *http.Request) { protocol.Store(r.Proto) })
			c.client.AllowPrivate = true
			s := newSender(t, c.client)
			for range 2 { // the second over the connection that was kept, or again in vain
				got := s.Send(t.Context(), change)
				if c.server == asking && (got.Reason == "connection reset by peer" || got.Reason == "broken pipe") {
					continue // the connection's end overtook the alert
				}
				got.Underway = got.Underway && c.want == confirmed // the alert of TLS 1.3 comes after the request was written
				wantOutcome(t, got, c.want)
			}
			if c.want == confirmed && protocol.Load() != "HTTP/1.1" {
				t.Errorf("they speak %v", protocol.Load())
			}
		})
	}
}

func TestNoTLSWhereItIsExpected(t *testing.T) {
	d := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	s := newSender(t, Config{URL: strings.Replace(d.URL, "http:", "https:", 1), AllowPrivate: true})
	wantRetry(t, s.Send(t.Context(), change), "TLS: the other side does not speak it on this port")
}

func TestTheDeadlineHoldsBelowTLS(t *testing.T) {
	ours := newAuthority(t)
	good, _, _ := ours.issue("localhost", time.Now().Add(time.Hour), x509.ExtKeyUsageServerAuth)
	var posts atomic.Int64
	url := secure(t, &tls.Config{Certificates: []tls.Certificate{good}},
		func(http.ResponseWriter, *http.Request) { posts.Add(1) })
	s := newSender(t, Config{URL: url, AllowPrivate: true, CAFile: ours.file})
	wantRetry(t, s.Send(stopped{t.Context()}, change), "time-out")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	wantOutcome(t, s.Send(ctx, change), confirmed)
	wantRetry(t, s.Send(stopped{t.Context()}, change), "time-out")
	if posts.Load() != 1 {
		t.Errorf("it got %d posts", posts.Load())
	}
}
