package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
)

// keyPair is a certificate and its key, in PEM.
func keyPair(t testing.TB) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// natsCredentials are in the form of a credentials file of NATS. They are nobody's.
const natsCredentials = `-----BEGIN NATS USER JWT-----
eyJ0.eyJ1.c2ln
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
SUAPVEYQ67XWYDASQKJ6PI7TYAOI5NFZ745Z7EISB2NI5D27KRMJ6JLVFI
------END USER NKEY SEED------
`
