package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often, at most, the files are looked at. A renewed certificate is served to the first handshake after that.
const certificateCheck = time.Second

// certificate is a key pair on disk that may be renewed while it is in use.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    [2]time.Time // modification times of the files that current comes from
	checked time.Time
}

func newCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot load the certificate: %w", err)
	}
	c.current, c.seen, c.checked = &pair, c.modified(), time.Now()
	return c, nil
}

// get is for tls.Config.GetCertificate. Files that cannot be read, or that do not fit together because only one of them has been replaced so far, leave
// the certificate in use as it is; they are tried again at the next handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
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
