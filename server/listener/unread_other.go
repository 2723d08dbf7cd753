//go:build !unix

package listener

// unread reports whether bytes have come that nobody has read. Here nobody can tell.
func (c *Conn) unread() bool { return false }
