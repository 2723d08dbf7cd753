//go:build unix

package sqlite

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// giveToOwner makes the lock's file belong to whom the store belongs to, as SQLite does with its own files: root may
// have made it, for the work of an operator, and the service's user could not open it then. Who is not root cannot, and
// need not.
func giveToOwner(lock *os.File, path string) {
	if os.Geteuid() != 0 {
		return
	}
	found, err := os.Stat(path)
	if err != nil {
		return // opening it will say so
	}
	if owner, ok := found.Sys().(*syscall.Stat_t); ok {
		_ = lock.Chown(int(owner.Uid), int(owner.Gid))
	}
}

// takeLock makes this process the one that serves the store. The kernel lets the lock go when the process ends, however
// it ends. errServed is in the chain of the error when another process has it.
func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, openError(err)
	}
	giveToOwner(lock, path)
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	for deadline := time.Now().Add(lockPatience); errors.Is(err, syscall.EWOULDBLOCK) && time.Now().Before(deadline); {
		time.Sleep(lockPatience / 20)
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		holder := make([]byte, 20)
		n, _ := lock.ReadAt(holder, 0) // whatever is there only makes the error more helpful
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			number, _, _ := strings.Cut(string(holder[:n]), "\n")
			return nil, served(path, strings.TrimSpace(number))
		}
		return nil, openError(err)
	}
	text := strconv.Itoa(os.Getpid()) + "\n" // only for that error
	if _, notes, found := strings.Cut(lockText(path), "\n"); found {
		text += notes
	}
	// in this order: what it says of the log may never be gone
	if _, err := lock.WriteAt([]byte(text), 0); err == nil {
		_ = lock.Truncate(int64(len(text)))
	}
	return lock, nil
}
