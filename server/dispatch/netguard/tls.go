package netguard

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"numhook/server/certreload"
	"numhook/server/event"
)

// Files are what TLS takes from files, all of it PEM. Each is read again when it changes.
type Files struct {
	CA   string // trusted instead of the system's authorities; may be empty
	Cert string // with Key: what the other side is shown; both may be empty
	Key  string

	Name  string                   // of the downstream, with which what is renewed is named; may be empty
	Watch func(certreload.Watched) // is given what is to be looked after; may be nil
}

// TLS gives how the other side is verified (against the authorities of the file, or against the system's), and what it
// is shown. The result gives the newest: the same until other authorities are trusted. A client certificate that was
// renewed is shown at the next handshake, without another configuration.
func TLS(f Files) (newest func() *tls.Config, err error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if (f.Cert == "") != (f.Key == "") {
		return nil, &event.Error{
			Kind: event.Invalid, Text: "cannot use the client certificate",
			Err: errors.New("one of certificate and key file is missing"), Hint: "give both",
		}
	}
	if f.Cert != "" {
		shown, err := certreload.LoadClientCertificate(f.called("client_cert"), f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot load the client certificate: %w", err)
		}
		conf.GetClientCertificate = shown.Client
		f.watch(shown)
	}
	if f.CA == "" {
		return func() *tls.Config { return conf }, nil
	}
	trusted, err := certreload.Load(certreload.Reading[*certreload.Authorities]{
		Name: f.called("ca_file"), Files: []string{f.CA},
		Parse: func(contents [][]byte) (*certreload.Authorities, error) {
			return certreload.ParseAuthorities(f.CA, contents[0])
		},
		Doubt: func(a *certreload.Authorities, now time.Time) string { return a.Doubt(now) },
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the CA file: %w", err)
	}
	f.watch(trusted)
	r := &renewed{conf: conf, trusted: trusted}
	return r.newest, nil
}

// renewed is a configuration with the newest authorities. It is safe for concurrent use.
type renewed struct {
	trusted *certreload.Source[*certreload.Authorities]

	mu   sync.Mutex // guards what follows
	pool *x509.CertPool
	conf *tls.Config // with that pool; it is never changed, but replaced
}

func (r *renewed) newest() *tls.Config {
	pool := r.trusted.Newest().Pool
	r.mu.Lock()
	defer r.mu.Unlock()
	if pool != r.pool {
		r.conf, r.pool = r.conf.Clone(), pool
		r.conf.RootCAs = pool
	}
	return r.conf
}

// called is what a file is called in log, metrics and warnings.
func (f *Files) called(key string) string {
	if f.Name == "" {
		return key
	}
	return Called(f.Name, key)
}

// Called is what a file of a downstream is called in log, metrics and warnings; key is that of the configuration.
func Called(downstream, key string) string { return "downstream " + downstream + " " + key }

func (f *Files) watch(w certreload.Watched) {
	if f.Watch != nil {
		f.Watch(w)
	}
}
