//go:build !unix

package sqlite

import "os"

// takeLock holds a file that the system lets no second process remove or replace. Without flock there is no lock that
// dies with its process, so here a second server is not refused; the file's own locks still keep the two apart,
// transaction by transaction.
func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, openError(err)
	}
	return lock, nil
}
