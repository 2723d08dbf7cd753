package filelog

import (
	"os"
	"sync"
	"testing"
)

// faulty is the operating system's disk with faults before it. A fault is asked for before each call, with what is to
// be done and to which length.
type faulty struct {
	system

	mu    sync.Mutex // guards what follows
	calls []string
	fault func(call string) error // may be nil; runs under mu
	hold  chan struct{}           // when not nil, every sync waits for it
}

type faultyFile struct {
	file
	disk *faulty
}

func (f *faulty) fail(call string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	if f.fault == nil {
		return nil
	}
	return f.fault(call)
}

func (f *faulty) set(fault func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// once fails the next call of that name.
func (f *faulty) once(name string, err error) {
	done := false
	f.set(func(call string) error {
		if call != name || done {
			return nil
		}
		done = true
		return err
	})
}

func (f *faulty) count(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, call := range f.calls {
		if call == name {
			n++
		}
	}
	return n
}

func (f *faulty) open(path string) (file, error) {
	if err := f.fail("open"); err != nil {
		return nil, err
	}
	opened, err := f.system.open(path)
	if err != nil {
		return nil, err
	}
	return faultyFile{opened, f}, nil
}

func (f *faulty) rename(from, to string) error {
	if err := f.fail("rename"); err != nil {
		return err
	}
	return f.system.rename(from, to)
}

func (f *faulty) syncFolder(folder string) error {
	if err := f.fail("syncFolder"); err != nil {
		return err
	}
	return f.system.syncFolder(folder)
}

// Write writes one half before it fails, as a full disk does.
func (f faultyFile) Write(p []byte) (int, error) {
	if err := f.disk.fail("write"); err != nil {
		n, _ := f.file.Write(p[:len(p)/2])
		return n, err
	}
	return f.file.Write(p)
}

func (f faultyFile) Sync() error {
	if f.disk.hold != nil {
		<-f.disk.hold
	}
	if err := f.disk.fail("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f faultyFile) Chmod(mode os.FileMode) error {
	if err := f.disk.fail("chmod"); err != nil {
		return err
	}
	return f.file.Chmod(mode)
}

func (f faultyFile) Truncate(size int64) error {
	if err := f.disk.fail("truncate"); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f faultyFile) lock() error {
	if err := f.disk.fail("lock"); err != nil {
		return err
	}
	return f.file.lock()
}

// onFaulty is a sender on a disk that fails when it is told to.
func onFaulty(t *testing.T, path string, disk *faulty) *Sender {
	t.Helper()
	s := begin(&writer{disk: disk, path: path, now: instant})
	t.Cleanup(func() { closed(t, s) })
	return s
}
