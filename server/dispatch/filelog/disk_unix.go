//go:build unix

package filelog

import (
	"errors"
	"os"
	"syscall"
)

// noFollow makes opening a symbolic link an error.
const noFollow = syscall.O_NOFOLLOW

// isLink reports whether that is the error: ELOOP, and EMLINK on FreeBSD.
func isLink(err error) bool { return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) }

// belongs says why a file is not for us alone, as far as its owner and its names tell: somebody who may write to the
// folder may have put it there, so that we write to what they cannot, or they to what we wrote.
func belongs(info os.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return nil
	case stat.Uid != 0 && int64(stat.Uid) != int64(os.Geteuid()):
		return errOwner
	case stat.Nlink > 1:
		return errNames
	}
	return nil
}

func (system) syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer opened.Close()
	return opened.Sync()
}

// lock ends with the process, however that ends.
func (f systemFile) lock() error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
