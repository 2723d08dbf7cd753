package listener

// Numbers for where the system does not say.
const (
	usualLimit      = 1024
	usuallyOpen     = 32
	mostDescriptors = 1 << 20
)
