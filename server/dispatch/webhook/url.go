package webhook

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"strconv"

	"numhook/server/dispatch/netguard"
	"numhook/server/event"
)

// parseURL reads where to POST. Errors quote nothing of it.
func parseURL(raw string, allowPrivate bool) (*url.URL, error) {
	wrong := func(why, hint string) error {
		return &event.Error{Kind: event.Invalid, Text: "cannot use the url", Hint: hint, Err: errors.New(why)}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, wrong("it is not a URL", "write it as https://HOST/PATH, with % and two hex digits for every character "+
			"that has a meaning of its own there")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrong("its scheme is neither http nor https", "write it as https://HOST/PATH")
	}
	if u.User != nil {
		return nil, wrong("it holds user information, which would end up in logs and proxies",
			"give the credential as a header: authorization: Basic ...")
	}
	if u.Hostname() == "" {
		return nil, wrong("it names no host", "write it as https://HOST/PATH")
	}
	if u.Fragment != "" || u.RawFragment != "" {
		return nil, wrong("it has a fragment (#...), which no server ever sees", "leave the fragment out, or write # as %23")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, wrong("its port is not one of 1 to 65535", "")
		}
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && !allowPrivate && netguard.Guarded(address) {
		return nil, wrong("its host is "+netguard.GuardedReason, "set allow_private: true if it is meant")
	}
	return u, nil
}

// secured gives how TLS is made. It gives nil where the URL asks for none.
func secured(u *url.URL, cfg Config) (func() *tls.Config, error) {
	if u.Scheme == "https" {
		return netguard.TLS(netguard.Files{CA: cfg.CAFile, Cert: cfg.CertFile, Key: cfg.KeyFile, Name: cfg.Name,
			Watch: cfg.Watch})
	}
	if cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" {
		return nil, &event.Error{Kind: event.Invalid, Text: "cannot use certificate files",
			Hint: "write the url as https://...", Err: errors.New("the url is http, which has no TLS")}
	}
	return func() *tls.Config { return nil }, nil
}
