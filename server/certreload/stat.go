package certreload

import (
	"os"
	"syscall"
)

// identity tells a file from another one of the same name: a rename and the swap of a symlink both change it.
func identity(info os.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		//nolint:unconvert // the width of a device number differs between systems
		return [2]uint64{uint64(stat.Dev), stat.Ino}
	}
	return nil
}

// openNow does not wait for the other end of a FIFO.
func openNow(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
