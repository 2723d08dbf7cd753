// Package netguard is how senders get at the machine of a downstream. It guarantees that, unless the configuration
// allows it, no connection is made to this machine, to a link-local address or to a metadata service, whatever a name
// resolves to at that moment; and that the other side of a TLS connection is verified.
package netguard

import (
	"net"
	"time"
)

// ConnectPatience bounds one connection, and one TLS handshake. The attempt's own time, where it is shorter, bounds
// both.
const ConnectPatience = 10 * time.Second

// Dialer makes connections, to guarded addresses only where they are allowed.
func Dialer(allowPrivate bool) *net.Dialer {
	d := &net.Dialer{Timeout: ConnectPatience}
	if !allowPrivate {
		d.ControlContext = guard
	}
	return d
}
