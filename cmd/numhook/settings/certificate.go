package settings

import (
	"errors"

	"numhook/server/certreload"
	"numhook/server/event"
)

const maxCertificates = 4 << 20 // the public authorities of an operating system have about 200 KiB

// certificates reads the files of TLS as whoever connects will, so that a wrong one is told before it is needed.
func (r *reader) certificates(o object, d *Downstream) {
	if n := o.values["ca_file"]; n != nil {
		if pem, path, ok := r.certificateFile(n, "ca_file", false); ok {
			d.CAFile = path
			if _, err := certreload.ParseAuthorities(path, pem); err != nil {
				r.tellFlaw(n, "the ca_file "+path, err)
			}
		}
	}
	certNode, keyNode := o.values["client_cert"], o.values["client_key"]
	switch {
	case o.keys["client_cert"] != nil && o.keys["client_key"] == nil:
		r.tell(o.keys["client_cert"], "client_cert is there without client_key", "write both, or none")
	case o.keys["client_key"] != nil && o.keys["client_cert"] == nil:
		r.tell(o.keys["client_key"], "client_key is there without client_cert", "write both, or none")
	case certNode == nil || keyNode == nil: // neither is there, or one that has been told of
	default:
		_, certPath, haveCert := r.certificateFile(certNode, "client_cert", false)
		_, keyPath, haveKey := r.certificateFile(keyNode, "client_key", true)
		if !haveCert || !haveKey {
			return
		}
		d.ClientCert, d.ClientKey = certPath, keyPath
		if _, err := certreload.LoadClientCertificate("client_cert", certPath, keyPath); err != nil {
			r.tellFlaw(certNode, "client_cert and client_key are not a certificate and its key", err)
		}
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
