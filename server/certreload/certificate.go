// Package certreload shows a certificate that may be renewed while it is in use. It guarantees that a renewal takes effect without a restart, and that files
// which cannot be read, or of which only one has been replaced so far, change nothing.
package certreload

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// checkEvery is how often, at most, the files are looked at. A renewed certificate is shown at the first handshake after that.
const checkEvery = time.Second

// Pair is a certificate chain and its key, in two files (PEM). It is safe for concurrent use.
type Pair struct {
	certFile, keyFile string

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    [2]time.Time // modification times of the files that current comes from
	checked time.Time
}

// Load reads the files. What they name may be renewed afterwards.
func Load(certFile, keyFile string) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, checked: time.Now()}
	p.seen = p.modified() // before they are read: what is replaced meanwhile is read again
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	p.current = &pair
	return p, nil
}

// Server is for tls.Config.GetCertificate.
func (p *Pair) Server(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.newest(), nil }

// Client is for tls.Config.GetClientCertificate.
func (p *Pair) Client(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return p.newest(), nil }

// newest is the certificate of the files; what cannot be loaded is tried again at a later handshake.
func (p *Pair) newest() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.checked) < checkEvery {
		return p.current
	}
	p.checked = time.Now()
	modified := p.modified()
	if modified == p.seen {
		return p.current
	}
	if pair, err := tls.LoadX509KeyPair(p.certFile, p.keyFile); err == nil {
		p.current, p.seen = &pair, modified
	}
	return p.current
}

func (p *Pair) modified() (times [2]time.Time) {
	for i, name := range []string{p.certFile, p.keyFile} {
		if info, err := os.Stat(name); err == nil {
			times[i] = info.ModTime()
		}
	}
	return times
}
