package certreload

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// renewBefore is how long before its end a certificate that nobody has renewed is told of.
const renewBefore = 7 * 24 * time.Hour

// parsePair reads a chain and its key, and names what is wrong with them as an operator would.
func parsePair(certFile, keyFile string, certPEM, keyPEM []byte, client bool) (*pair, error) {
	chain, err := Certificates(certFile, certPEM)
	if err != nil {
		return nil, err
	}
	if err := checkKey(keyFile, keyPEM); err != nil {
		return nil, err
	}
	shown, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, misfit(certFile, keyFile, chain, keyPEM, err)
	}
	shown.Leaf = chain[0]
	return &pair{shown: shown, doubt: chainDoubt(certFile, chain, client)}, nil
}

// Certificates are those of a PEM file, at least one.
func Certificates(file string, text []byte) (chain []*x509.Certificate, err error) {
	blocks := blocksOf(text)
	for _, block := range blocks {
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, unusable(file, fmt.Sprintf("certificate %d of it is damaged", len(chain)+1),
				"get the file anew from where it was made")
		}
		chain = append(chain, one)
	}
	if len(chain) > 0 {
		return chain, nil
	}
	if _, err := x509.ParseCertificate(text); err == nil {
		return nil, unusable(file, "it holds its certificate as DER, not as PEM", "run openssl x509 -inform der -in "+file+
			" -out cert.pem")
	}
	for _, block := range blocks {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			return nil, unusable(file, "it holds a key, and no certificate", "name the file with -----BEGIN CERTIFICATE----- "+
				"here, and this one as the key")
		}
	}
	return nil, unusable(file, "it holds no certificate", "it must be PEM: -----BEGIN CERTIFICATE-----")
}

func blocksOf(text []byte) (blocks []*pem.Block) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return blocks
		}
		blocks, text = append(blocks, block), rest
	}
}

// checkKey finds out whether the file holds a key that can be used without asking anybody.
func checkKey(file string, text []byte) error {
	for _, block := range blocksOf(text) {
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return unusable(file, "its key is encrypted, and nobody is there to type the password",
				"run openssl pkey -in "+file+" -out key.pem, keep that file to its owner (chmod 600), and name it instead")
		}
		return nil
	}
	return unusable(file, "it holds no private key", "it must be PEM: -----BEGIN PRIVATE KEY-----")
}

// misfit says why certificate and key do not go together: the chain stands in another order, or it is another
// certificate's key.
func misfit(certFile, keyFile string, chain []*x509.Certificate, keyPEM []byte, cause error) error {
	public := publicKey(keyPEM)
	if public == nil {
		return unusable(keyFile, "its key cannot be read", "make it anew: an RSA, ECDSA or Ed25519 key as PEM")
	}
	for i, one := range chain {
		if public.Equal(one.PublicKey) {
			if i == 0 {
				return unusable(certFile, cause.Error(), "make certificate and key anew")
			}
			return unusable(certFile, fmt.Sprintf("its chain is in the wrong order: the key is that of certificate %d", i+1),
				"put the server's own certificate first, and behind it those of its issuers, each after the one that it signed")
		}
	}
	return unusable(keyFile, "the key does not fit the certificate in "+certFile, "name the key that the certificate "+
		"was made for, or the certificate of this key")
}

// publicKey is the public half of the first key in the text that can be read, or nil.
func publicKey(text []byte) interface{ Equal(x crypto.PublicKey) bool } {
	for _, block := range blocksOf(text) {
		var key any
		var err error
		switch block.Type {
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		default:
			continue
		}
		if signer, ok := key.(crypto.Signer); ok && err == nil {
			public, _ := signer.Public().(interface{ Equal(x crypto.PublicKey) bool })
			return public
		}
	}
	return nil
}

// chainDoubt says what may keep others from verifying the chain, or nothing. Servers that ask for a client's
// certificate trust its issuer itself as a rule.
func chainDoubt(file string, chain []*x509.Certificate, client bool) string {
	leaf := chain[0]
	if signedBy(leaf, leaf) {
		return ""
	}
	for i := 1; i < len(chain); i++ {
		if signedBy(chain[i-1], chain[i]) {
			continue
		}
		for _, other := range chain[i:] {
			if signedBy(chain[i-1], other) {
				return fmt.Sprintf("the chain in %s is in the wrong order: certificate %d did not sign certificate %d; put each "+
					"after the one that it signed", file, i+1, i)
			}
		}
		break
	}
	for _, other := range chain[1:] {
		if signedBy(leaf, other) {
			return ""
		}
	}
	if client {
		return ""
	}
	// An authority that everybody knows may have signed it itself.
	_, err := leaf.Verify(x509.VerifyOptions{CurrentTime: leaf.NotBefore,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if unknown := (x509.UnknownAuthorityError{}); err == nil || !errors.As(err, &unknown) {
		return ""
	}
	return fmt.Sprintf("%s lacks the certificate of its issuer (the intermediate): who does not have that one cannot "+
		"verify it; write the whole chain into the file", file)
}

func signedBy(one, issuer *x509.Certificate) bool {
	return bytes.Equal(one.RawIssuer, issuer.RawSubject) &&
		issuer.CheckSignature(one.SignatureAlgorithm, one.RawTBSCertificate, one.Signature) == nil
}

// timeDoubt says whether the time of a certificate has not begun, has ended, or is about to. who says what comes of one
// that has ended.
func timeDoubt(leaf *x509.Certificate, now time.Time, who string) string {
	switch left := leaf.NotAfter.Sub(now); {
	case now.Before(leaf.NotBefore):
		return "the certificate is not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339) +
			": look at the clock, or use the one before until then"
	case left < 0:
		return "the certificate has expired on " + leaf.NotAfter.UTC().Format(time.RFC3339) + ": renew it; " + who
	case left < renewBefore:
		return "the certificate expires on " + leaf.NotAfter.UTC().Format(time.RFC3339) + ": renew it"
	}
	return ""
}

func joined(texts ...string) string {
	var all []string
	for _, text := range texts {
		if text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}
