package filelog

import (
	"os"
	"path/filepath"
	"time"
)

// A batch takes no further line once it holds so much. One fsync is worth many lines; a longer batch makes those wait
// that come after it.
const (
	batchBytes = 1 << 20
	batchLines = 1024
)

// othersWrite are the bits of a mode that let somebody else than the owner write.
const othersWrite = 0o022

// writer owns the file. One goroutine calls its methods.
type writer struct {
	disk   disk
	path   string
	rotate int64
	keep   int
	now    func() time.Time

	file file        // nil when it is to be opened
	info os.FileInfo // of the open file
	size int64       // of it: what is known to be durable
	torn bool        // it does not end with a line end

	failed      os.FileInfo // the file that a write or an fsync failed on, until it has been cut
	failedAfter int64       // so many bytes of it are known to be durable
}

// run writes what comes, until closing is closed.
func (w *writer) run(queue <-chan *entry, closing <-chan struct{}) {
	defer w.letGo()
	for {
		select {
		case first := <-queue:
			w.commit(gather(first, queue))
		case <-closing:
			return
		}
	}
}

// gather takes whatever else is waiting.
func gather(first *entry, queue <-chan *entry) []*entry {
	batch, size := []*entry{first}, len(first.line)
	for len(batch) < batchLines && size < batchBytes {
		select {
		case next := <-queue:
			batch, size = append(batch, next), size+len(next.line)
		default:
			return batch
		}
	}
	return batch
}

// commit makes the lines durable, and tells those who wait. A line whose attempt is over is left out.
func (w *writer) commit(batch []*entry) {
	size := int64(0)
	for _, e := range batch {
		size += int64(len(e.line))
	}
	err := w.ready(size)
	var text []byte
	if w.torn {
		text = append(text, '\n')
	}
	begun := batch[:0]
	for _, e := range batch {
		if over := ended(e); over != nil {
			e.done <- over
			continue
		}
		begun, text = append(begun, e), append(text, e.line...)
	}
	if err == nil && len(begun) > 0 {
		err = w.write(text)
	}
	for _, e := range begun {
		e.done <- err
	}
}

// ended is why a line is not to be written any more, or nil. The clock is looked at, too: a context ends by a timer,
// which may not have run yet in a process that was stopped and goes on.
func ended(e *entry) error {
	if until, bounded := e.ctx.Deadline(); bounded && !time.Now().Before(until) {
		return os.ErrDeadlineExceeded
	}
	return e.ctx.Err()
}

// ready sees to it that the file is open, in its place, and has room for so many bytes.
func (w *writer) ready(size int64) error {
	if w.file != nil && !w.inPlace(w.size) {
		w.letGo()
	}
	if w.file == nil {
		if err := w.open(); err != nil {
			return err
		}
	}
	if w.rotate > 0 && w.size > 0 && w.size+size > w.rotate {
		return w.turn()
	}
	return nil
}

// inPlace reports whether the open file still has its name, and the size that we left it with.
func (w *writer) inPlace(size int64) bool {
	info, err := os.Lstat(w.path)
	return err == nil && os.SameFile(info, w.info) && info.Size() == size
}

// write appends and syncs. Whatever fails, the file is given up, and what may have been written is cut off when it is
// opened again: after a failed fsync the kernel calls pages clean that never reached the disk, and a second fsync of
// them would be a lie.
func (w *writer) write(text []byte) error {
	if _, err := w.file.Write(text); err != nil {
		return w.giveUp(&failure{"write", err})
	}
	if err := w.file.Sync(); err != nil {
		return w.giveUp(&failure{"sync", err})
	}
	if !w.inPlace(w.size + int64(len(text))) {
		w.letGo()
		return errMoved
	}
	w.size, w.torn = w.size+int64(len(text)), false
	return nil
}

func (w *writer) giveUp(err error) error {
	w.failed, w.failedAfter = w.info, w.size
	w.letGo()
	return err
}

func (w *writer) letGo() {
	if w.file != nil {
		_ = w.file.Close() // what was to be durable has been synced
	}
	w.file, w.info, w.size, w.torn = nil, nil, 0, false
}

// open opens the file under its name, alone, and makes that name durable. Whether it was there before is no matter: its
// name may never have reached the disk.
func (w *writer) open() error {
	opened, err := w.disk.open(w.path)
	if err != nil {
		return &failure{"open", err}
	}
	w.file = opened
	if err := w.settle(); err != nil {
		w.letGo()
		return err
	}
	return nil
}

func (w *writer) settle() (err error) {
	if w.info, err = w.file.Stat(); err != nil {
		return &failure{"open", err}
	}
	if !w.info.Mode().IsRegular() {
		return &failure{"open", errNotFile}
	}
	if err := w.keepToUs(); err != nil {
		return &failure{"open", err}
	}
	if err := w.file.lock(); err != nil {
		return &failure{"open", err}
	}
	if w.info, err = w.file.Stat(); err != nil { // whoever had it locked may have written to it
		return &failure{"open", err}
	}
	w.size = w.info.Size()
	if err := w.mend(); err != nil {
		return &failure{"mend", err}
	}
	if err := w.disk.syncFolder(filepath.Dir(w.path)); err != nil {
		return &failure{"sync the folder", err}
	}
	if !w.inPlace(w.size) {
		return errMoved
	}
	return nil
}

// keepToUs refuses a file that is not ours alone, and takes from others the right to write to it: they could change
// what is confirmed.
func (w *writer) keepToUs() error {
	if err := belongs(w.info); err != nil {
		return err
	}
	if mode := w.info.Mode().Perm(); mode&othersWrite != 0 {
		if err := w.file.Chmod(mode &^ othersWrite); err != nil {
			return errShared
		}
	}
	return nil
}

// mend cuts off what we failed to write ourselves. What else stands behind the last line end, after a crash or by
// somebody else's hand, is not ours to destroy: it is closed with a line end in front of the next line.
func (w *writer) mend() error {
	if w.failed != nil && os.SameFile(w.failed, w.info) && w.size > w.failedAfter {
		if err := w.file.Truncate(w.failedAfter); err != nil {
			return err
		}
		w.size = w.failedAfter
	}
	w.failed = nil
	if w.size == 0 {
		return nil
	}
	var last [1]byte
	if _, err := w.file.ReadAt(last[:], w.size-1); err != nil {
		return err
	}
	w.torn = last[0] != '\n'
	return nil
}
