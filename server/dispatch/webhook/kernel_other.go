//go:build !linux

package webhook

import (
	"net"
	"time"
)

// boundKernel does nothing: there is no such bound here, and a connection that is given up is reset when it is closed.
func boundKernel(net.Conn, time.Duration) {}
