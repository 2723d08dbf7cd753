package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// renewalTime is how long a renewed certificate may go unnoticed.
const renewalTime = time.Second

// A certificate that is renewed on disk is served without a restart; a renewal that cannot be read, or of which only
// one file is there yet, changes nothing.
func TestCertificateIsReloaded(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newSite(t)
	certFile, keyFile := filepath.Join(s.folder, "cert.pem"), filepath.Join(s.folder, "key.pem")
	write := func(file string, content []byte) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert1, key1 := newPair(t, 1)
	cert2, key2 := newPair(t, 2)
	write(certFile, cert1)
	write(keyFile, key1)
	r := s.start("--tls-cert", certFile, "--tls-key", keyFile)
	if !strings.HasPrefix(r.url, "https://") {
		t.Fatalf("the log says %s", r.url)
	}
	address := strings.TrimPrefix(r.url, "https://")
	if got := serial(t, address); got != 1 {
		t.Fatalf("certificate %d is served, want 1", got)
	}
	trust := x509.NewCertPool()
	trust.AppendCertsFromPEM(cert1)
	r.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: trust}
	body := cnamBody(1, "A", "+12025550100")
	if got := r.post("/", body); got.status != http.StatusOK {
		t.Errorf("over TLS: %v", got)
	}

	// keeps waits until the files have been looked at again.
	keeps := func(what string, want int64) {
		t.Helper()
		again, enough := time.NewTicker(50*time.Millisecond), time.After(renewalTime+time.Second/2)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				if got := serial(t, address); got != want {
					t.Fatalf("%s: certificate %d is served, want %d", what, got, want)
				}
			case <-enough:
				return
			}
		}
	}
	write(certFile, []byte("not a certificate"))
	keeps("a broken certificate", 1)
	write(certFile, cert2)
	keeps("the key is still the old one", 1)
	write(keyFile, key2)
	eventually(t, renewalTime+5*time.Second, "the new certificate is served",
		func() bool { return serial(t, address) == 2 })
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	keeps("the key is gone", 2)

	if got := r.post("/", body); got.status != http.StatusOK { // on the connection of the first certificate
		t.Errorf("an old connection: %v", got)
	}
	plain := dial(t, address)
	plain.write(request(body))
	plain.expect(http.StatusBadRequest) // net/http says that it speaks TLS
	if _, err := tls.Dial("tcp", address, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
		InsecureSkipVerify: true}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
}

// newPair is a self-signed certificate with its key, in PEM.
func newPair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "receiver"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// serial is the serial number of the certificate that a new connection is shown.
func serial(t *testing.T, address string) int64 {
	t.Helper()
	// any certificate: which one it is, is the question
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("no handshake: %v", err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
