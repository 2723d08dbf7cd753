package netguard

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"

	"numhook/server/event"
)

// Failure says in words of our own why a peer could not be reached, or is empty for an error that it does not know: the
// errors of network libraries hold addresses, and parts of what the other side wrote.
func Failure(err error) string {
	if guarded, ok := errors.AsType[*event.Error](err); ok { // the dialer's word
		return guarded.Text
	}
	if reason := tlsFailure(err); reason != "" {
		return reason
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		if lookup.IsNotFound {
			return "the host's name does not exist"
		}
		return "the host's name could not be looked up"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error() // connection refused, connection reset by peer, no route to host, ...
	}
	return ""
}

func tlsFailure(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS: the certificate is signed by an authority that is not trusted"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS: the certificate is for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "TLS: the certificate has expired, or is not valid yet"
		}
		return "TLS: the certificate is not valid for this use"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS: the certificate cannot be verified"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS: the other side does not speak it on this port"
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return "TLS: the other side says: " + remote.Err.Error() // one of a fixed list of alerts
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "TLS: the handshake failed"
	}
	return ""
}
