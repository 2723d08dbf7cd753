package certreload

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// Certificate is a certificate chain and its key, in two files (PEM), that may be renewed while they are in use. It is
// safe for concurrent use.
type Certificate struct{ *Source[*pair] }

// pair is what the two files hold.
type pair struct {
	shown tls.Certificate
	doubt string // about the chain, whatever the time is
}

// LoadCertificate reads the files, or says what is wrong with them. The name is what log and metrics call it.
func LoadCertificate(name, certFile, keyFile string) (*Certificate, error) {
	return load(name, certFile, keyFile, false)
}

// LoadClientCertificate is LoadCertificate for one that is shown to servers, which know who issued it.
func LoadClientCertificate(name, certFile, keyFile string) (*Certificate, error) {
	return load(name, certFile, keyFile, true)
}

func load(name, certFile, keyFile string, client bool) (*Certificate, error) {
	who := "the sender refuses to deliver to it"
	if client {
		who = "the downstream refuses it"
	}
	source, err := Load(Reading[*pair]{
		Name: name, Files: []string{certFile, keyFile},
		Parse: func(contents [][]byte) (*pair, error) {
			return parsePair(certFile, keyFile, contents[0], contents[1], client)
		},
		Sum: func(p *pair) []slog.Attr {
			return []slog.Attr{slog.Time("not_before", p.shown.Leaf.NotBefore), slog.Time("not_after", p.shown.Leaf.NotAfter)}
		},
		Doubt: func(p *pair, now time.Time) string { return joined(p.doubt, timeDoubt(p.shown.Leaf, now, who)) },
	})
	if err != nil {
		return nil, err
	}
	return &Certificate{source}, nil
}

// Server is for tls.Config.GetCertificate.
func (c *Certificate) Server(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return &c.Newest().shown, nil
}

// Client is for tls.Config.GetClientCertificate.
func (c *Certificate) Client(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return &c.Newest().shown, nil
}

// Ends is when the certificate in use does.
func (c *Certificate) Ends() time.Time { return c.Current().shown.Leaf.NotAfter }
