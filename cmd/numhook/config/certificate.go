package config

import (
	"errors"

	"numhook/server/certreload"
	"numhook/server/event"
)

const maxCertificates = 4 << 20 // the public authorities of an operating system have about 200 KiB

// certificates reads the files of TLS as whoever connects will, so that a wrong one is told before it is needed.
func (e entry) certificates(d *Downstream) {
	if n := e.value("ca_file"); n != nil {
		if pem, path, ok := e.certificateFile(n, "ca_file", false); ok {
			d.CAFile = path
			if _, err := certreload.ParseAuthorities(path, pem); err != nil {
				e.tellFlaw(n, "the ca_file "+path, err)
			}
		}
	}
	certNode, keyNode := e.value("client_cert"), e.value("client_key")
	if certNode == nil || keyNode == nil {
		return
	}
	_, certPath, haveCert := e.certificateFile(certNode, "client_cert", false)
	_, keyPath, haveKey := e.certificateFile(keyNode, "client_key", true)
	if !haveCert || !haveKey {
		return
	}
	d.ClientCert, d.ClientKey = certPath, keyPath
	if _, err := certreload.LoadClientCertificate("client_cert", certPath, keyPath); err != nil {
		e.tellFlaw(certNode, "client_cert and client_key are not a certificate and its key", err)
	}
}

// tellFlaw tells of an operator's error.
func (r *reader) tellFlaw(n *node, what string, err error) {
	flaw, ok := errors.AsType[*event.Error](err)
	if !ok {
		r.tell(n, what+": "+bare(err).Error(), "write the name of another file")
		return
	}
	r.tell(n, what+": "+flaw.Err.Error(), flaw.Hint)
}

func (r *reader) certificateFile(n *node, key string, private bool) (pem []byte, path string, ok bool) {
	if private {
		path, ok = r.private(n, key)
	} else {
		path, _, ok = r.regular(n, key)
	}
	if !ok {
		return nil, "", false
	}
	pem, ok = r.content(n, key, path, maxCertificates)
	return pem, path, ok
}
