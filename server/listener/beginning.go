package listener

import (
	"net"
	"strings"
	"sync"
)

// beginning remembers the first bytes that came on a connection, which tell what it is that was not understood. They
// are never shown to anybody.
type beginning struct {
	net.Conn

	mu    sync.Mutex // guards what follows: a connection is let go while it is read
	first [longestBeginning]byte
	many  int
}

func (b *beginning) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.many += copy(b.first[b.many:], p[:n])
	return n, err
}

func (b *beginning) length() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.many
}

func (b *beginning) isProxyHeader() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return beginsWithProxyHeader(b.first[:b.many])
}

// isPlainHTTP reports whether a request without TLS has come.
func (b *beginning) isPlainHTTP() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := string(b.first[:b.many])
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO", "TRACE", "CONNE"} {
		if strings.HasPrefix(text, method) {
			return true
		}
	}
	return false
}
