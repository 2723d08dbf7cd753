package webhook

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"numhook/server/event"
)

// certificateCheck is how often, at most, the files are looked at. A renewed certificate is shown on the first new connection after that.
const certificateCheck = time.Second

// tlsConfig is how the other side is verified, and what it is shown.
func tlsConfig(u *url.URL, cfg Config) (*tls.Config, error) {
	if u.Scheme != "https" {
		if cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" {
			return nil, &event.Error{Kind: event.Invalid, Text: "cannot use certificate files", Err: errors.New("the url is http, which has no TLS"), Hint: "write the url as https://..."}
		}
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the CA file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &event.Error{Kind: event.Invalid, Text: "cannot use the CA file " + cfg.CAFile, Err: errors.New("it holds no certificate"), Hint: "it must be PEM: -----BEGIN CERTIFICATE-----"}
		}
	}
	if (cfg.CertFile == "") != (cfg.KeyFile == "") {
		return nil, &event.Error{Kind: event.Invalid, Text: "cannot use the client certificate", Err: errors.New("one of certificate and key file is missing"), Hint: "give both"}
	}
	if cfg.CertFile != "" {
		shown, err := newCertificate(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return nil, err
		}
		conf.GetClientCertificate = shown.get
	}
	return conf, nil
}

// certificate is a client's key pair on disk that may be renewed while it is in use.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    [2]time.Time // modification times of the files that current comes from
	checked time.Time
}

func newCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, checked: time.Now()}
	c.seen = c.modified() // before they are read: what is replaced meanwhile is read again
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot load the client certificate: %w", err)
	}
	c.current = &pair
	return c, nil
}

// get is for tls.Config.GetClientCertificate. Files that cannot be read, or of which only one has been replaced so far, leave the certificate in use as it is,
// and are tried again at the next handshake.
func (c *certificate) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) < certificateCheck {
		return c.current, nil
	}
	c.checked = time.Now()
	modified := c.modified()
	if modified == c.seen {
		return c.current, nil
	}
	if pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
		c.current, c.seen = &pair, modified
	}
	return c.current, nil
}

func (c *certificate) modified() (times [2]time.Time) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}
