//go:build unix

package listener

import (
	"os"
	"syscall"
)

// DescriptorLimit is how many descriptors the process may have open: the soft limit, which Go's runtime has raised to
// the hard one when it started.
func DescriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return usualLimit
	}
	return int(min(uint64(limit.Cur), mostDescriptors)) //nolint:unconvert // it is signed on FreeBSD
}

// OpenDescriptors is how many of them are in use.
func OpenDescriptors() int {
	names, err := os.ReadDir("/dev/fd") // on Linux, /proc/self/fd
	if err != nil {
		return usuallyOpen
	}
	return len(names)
}
