package certreload

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// issued is a certificate with its key, both also in PEM.
type issued struct {
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
	pem, keys string
}

// issue makes a certificate that by signs, or that signs itself.
func issue(t *testing.T, name string, by *issued, from, to time.Time) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: to,
		BasicConstraintsValid: true, IsCA: !strings.HasPrefix(name, "leaf"), DNSNames: []string{"numhook.example"},
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert, key, block("CERTIFICATE", der), block("PRIVATE KEY", private)}
}

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestFaultsOfCertificatesAreNamed(t *testing.T) {
	now := time.Now()
	from, to := now.Add(-time.Hour), now.Add(90*24*time.Hour)
	root := issue(t, "root", nil, from, to)
	middle := issue(t, "middle", root, from, to)
	lower := issue(t, "lower", middle, from, to)
	leaf := issue(t, "leaf", lower, from, to)
	other := issue(t, "leaf of its own", nil, from, to)
	expired := issue(t, "leaf", nil, from, now.Add(-time.Minute))
	early := issue(t, "leaf", nil, now.Add(time.Hour), to)
	short := issue(t, "leaf", nil, from, now.Add(6*24*time.Hour))
	legacy := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY",
		Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte{1}}))
	for name, c := range map[string]struct{ cert, key, refused, doubt string }{
		"whole chain":     {leaf.pem + lower.pem + middle.pem, leaf.keys, "", ""},
		"with its root":   {leaf.pem + lower.pem + middle.pem + root.pem, leaf.keys, "", ""},
		"self-signed":     {other.pem, other.keys, "", ""},
		"alone":           {leaf.pem, leaf.keys, "", "c.pem lacks the certificate of its issuer"},
		"another's chain": {leaf.pem + middle.pem, leaf.keys, "", "c.pem lacks the certificate of its issuer"},
		"upper first":     {leaf.pem + middle.pem + lower.pem, leaf.keys, "", "the chain in c.pem is in the wrong order"},
		"leaf last": {middle.pem + lower.pem + leaf.pem, leaf.keys, "cannot use c.pem: its chain is in the wrong " +
			"order: the key is that of certificate 3", ""},
		"another's key": {leaf.pem + lower.pem, other.keys, "cannot use k.pem: the key does not fit the certificate " +
			"in c.pem", ""},
		"expired": {expired.pem, expired.keys, "", "the certificate has expired on "},
		"not yet": {early.pem, early.keys, "", "the certificate is not valid before "},
		"soon":    {short.pem, short.keys, "", "the certificate expires on "},
		"swapped": {leaf.keys, leaf.pem, "cannot use c.pem: it holds a key, and no certificate", ""},
		"nothing": {"nothing", leaf.keys, "cannot use c.pem: it holds no certificate", ""},
		"DER": {string(leaf.cert.Raw), leaf.keys, "cannot use c.pem: it holds its certificate as DER, " +
			"not as PEM", ""},
		"damaged": {block("CERTIFICATE", []byte{1}), leaf.keys, "cannot use c.pem: certificate 1 of it " +
			"is damaged", ""},
		"no key": {leaf.pem, leaf.pem, "cannot use k.pem: it holds no private key", ""},
		"encrypted": {leaf.pem, block("ENCRYPTED PRIVATE KEY", []byte{1}), "cannot use k.pem: its key is encrypted",
			""},
		"encrypted as of old": {leaf.pem, legacy, "cannot use k.pem: its key is encrypted", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parsePair("c.pem", "k.pem", []byte(c.cert), []byte(c.key), false)
			if c.refused != "" {
				if e, ok := errors.AsType[*event.Error](err); !ok || !strings.HasPrefix(e.Error(), c.refused) || e.Hint == "" {
					t.Errorf("%v, want %s", err, c.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := joined(p.doubt, timeDoubt(p.shown.Leaf, now, "it is refused")); !strings.HasPrefix(got, c.doubt) ||
				(got == "") != (c.doubt == "") {
				t.Errorf("the doubt is %q, want %q", got, c.doubt)
			}
		})
	}
}
