package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pairUntil is a self-signed certificate that ends then, with its key, in PEM.
func pairUntil(t *testing.T, end time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: end.Add(-48 * time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

// A certificate that has expired, and a renewal whose key is another one's, are each told in the log, in a metric and
// in /readyz; at the start the latter is refused.
func TestFaultsOfTheCertificateAreTold(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certFile, keyFile := filepath.Join(s.folder, "cert.pem"), filepath.Join(s.folder, "key.pem")
	cert, key := pairUntil(t, time.Now().Add(-time.Hour))
	_, another := pairUntil(t, time.Now().Add(time.Hour))
	replaceFile(t, certFile, cert)
	replaceFile(t, keyFile, another)
	got := s.run("serve", "--listen", "127.0.0.1:0", "--operator-listen", "", "--tls-cert", certFile, "--tls-key", keyFile)
	if want := "cannot use " + keyFile + ": the key does not fit the certificate in " + certFile; got.code != exitUse ||
		!strings.Contains(got.stderr, want) {
		t.Errorf("%+v, want %s", got, want)
	}
	replaceFile(t, keyFile, key)
	r := s.start("--tls-cert", certFile, "--tls-key", keyFile)
	if left, err := strconv.ParseFloat(metric(t, r, `numhook_certificate_expires_seconds{file="certificate"}`),
		64); err != nil || left > -3590 || left < -3700 {
		t.Errorf("the metric says %v (%v)", left, err)
	}
	if ready := r.ready().body; !strings.Contains(ready, "certificate: the certificate has expired on ") {
		t.Errorf("/readyz says %s", ready)
	}
	r.awaitText("the certificate has expired on ")
	replaceFile(t, keyFile, another)
	eventually(t, startTime, "the metric tells of the failure",
		func() bool { return metric(t, r, `numhook_reload_failed{file="certificate"}`) == "1" })
	r.awaitText("the key does not fit")
	lines := 0
	for _, entry := range r.log.entries() {
		if entry["msg"] == "cannot renew: what was read before stays in use" && strings.Contains(fmt.Sprint(entry["error"]),
			"the key does not fit") {
			lines++
		}
	}
	if lines != 1 || !strings.Contains(r.ready().body, "the key does not fit the certificate") {
		t.Errorf("the log has %d lines about it, and /readyz says %s", lines, r.ready())
	}
}
