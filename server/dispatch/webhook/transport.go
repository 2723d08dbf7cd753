package webhook

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"sync"

	"numhook/server/dispatch/netguard"
)

// transport has the connections. When other authorities are to be trusted it starts again: what is under way goes on,
// and what was kept open is not used again. It is safe for concurrent use.
type transport struct {
	secured func() *tls.Config // the newest: the same until something changes
	make    func(secured *tls.Config) *http.Transport

	mu      sync.Mutex // guards what follows
	conf    *tls.Config
	current *http.Transport // with that configuration; nil until the first attempt
}

func (t *transport) newest() *http.Transport {
	conf := t.secured()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil && conf == t.conf {
		return t.current
	}
	if t.current != nil {
		t.current.CloseIdleConnections() // and those in use, once they are idle
	}
	t.conf, t.current = conf, t.make(conf)
	return t.current
}

// CloseIdleConnections gives up what is kept open.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil {
		t.current.CloseIdleConnections()
	}
}

func newTransport(cfg Config, secured *tls.Config, proxy *url.URL) *http.Transport {
	t := &http.Transport{
		// A proxy may be on this machine: whoever runs numhook has named it. What lies beyond it, it decides.
		DialContext:            dialing(netguard.Dialer(cfg.AllowPrivate || proxy != nil), proxy != nil),
		TLSClientConfig:        secured,
		TLSHandshakeTimeout:    netguard.ConnectPatience,
		DisableCompression:     true,
		MaxIdleConns:           max(cfg.Concurrency, 1),
		MaxIdleConnsPerHost:    max(cfg.Concurrency, 1),
		IdleConnTimeout:        idleConnections,
		MaxResponseHeaderBytes: largestAnswer,
		Protocols:              new(http.Protocols),
	}
	through(t, proxy)
	t.Protocols.SetHTTP1(true) // alone: of HTTP/2 the deadline could not tell one request's bytes from another's
	return t
}
