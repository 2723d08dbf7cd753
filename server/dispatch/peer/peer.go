// Package peer is how senders get at the machine of a downstream. It guarantees that, unless the configuration allows it, no connection is made to this machine,
// to a link-local address or to a metadata service, whatever a name resolves to at that moment; and that the other side of a TLS connection is verified.
package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"numhook/server/certreload"
	"numhook/server/event"
)

// ConnectPatience bounds one connection, and one TLS handshake. The attempt's own time, where it is shorter, bounds both.
const ConnectPatience = 10 * time.Second

// Dialer makes connections, to guarded addresses only where they are allowed.
func Dialer(allowPrivate bool) *net.Dialer {
	d := &net.Dialer{Timeout: ConnectPatience}
	if !allowPrivate {
		d.ControlContext = guard
	}
	return d
}

// TLS is how the other side is verified (against the authorities in caFile, or against the system's), and what it is shown (the key pair in certFile and
// keyFile, read again when they are renewed; or nothing).
func TLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("cannot read the CA file: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &event.Error{Kind: event.Invalid, Text: "cannot use the CA file " + caFile, Err: errors.New("it holds no certificate"), Hint: "it must be PEM: -----BEGIN CERTIFICATE-----"}
		}
	}
	if (certFile == "") != (keyFile == "") {
		return nil, &event.Error{Kind: event.Invalid, Text: "cannot use the client certificate", Err: errors.New("one of certificate and key file is missing"), Hint: "give both"}
	}
	if certFile != "" {
		shown, err := certreload.LoadCertificate("client certificate", certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("cannot load the client certificate: %w", err)
		}
		conf.GetClientCertificate = shown.Client
	}
	return conf, nil
}
