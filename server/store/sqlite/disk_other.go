//go:build !linux

package sqlite

// unsafeDisk knows the file systems of Linux only; elsewhere it accepts all.
func unsafeDisk(string) (system, why string, err error) { return "", "", nil }
