//go:build !unix

package listener

// DescriptorLimit is how many descriptors the process may have open. Here the system has no such limit.
func DescriptorLimit() int { return mostDescriptors }

// OpenDescriptors is how many of them are in use.
func OpenDescriptors() int { return usuallyOpen }
