//go:build !unix

package filelog

import "os"

// noFollow is nothing: there is no such flag here, and making a symbolic link takes a privilege.
const noFollow = 0

func isLink(error) bool { return false }

// belongs is for systems where a file has an owner's number, and a count of its names.
func belongs(os.FileInfo) error { return nil }

// syncFolder does nothing: folders cannot be opened here, and the file system keeps names in its own log.
func (system) syncFolder(string) error { return nil }

// lock does nothing: without flock there is no lock that is gone with its process.
func (systemFile) lock() error { return nil }
