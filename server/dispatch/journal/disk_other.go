//go:build !unix

package journal

// syncFolder does nothing: folders cannot be opened here, and the file system keeps names in its own log.
func (system) syncFolder(string) error { return nil }

// lock does nothing: without flock there is no lock that is gone with its process.
func (systemFile) lock() error { return nil }
