package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	codes "modernc.org/sqlite/lib"

	"numhook/server/store/commit"
)

// writer makes batches durable on the connection that writes. The goroutine of the group commit owns it.
type writer struct {
	store   *Store
	session *session  // nil while the store is in trouble
	locked  time.Time // when it last got the write lock
}

var _ commit.Writer[work] = (*writer)(nil)

// Write makes the batch durable in one transaction.
func (w *writer) Write(batch []work) error {
	err := w.transact(batch)
	switch faultOf(err) {
	case faultNone:
		if w.session.changed { // what wrote nothing proves nothing
			w.store.wrote.Store(time.Now().UnixNano())
		}
		if w.session.due && w.store.opts.Wake != nil {
			w.store.opts.Wake()
		}
	case faultBusy: // nothing was begun
		return &commit.Busy{Err: err}
	case faultOwn:
		return &commit.Spoiled{Err: err}
	case faultStore:
		if isDamage(err) {
			w.store.identities.Pass("store", "while it was written", err)
		}
		w.abandonSession(err)
	}
	return err
}

// Tidy keeps the log short, between two transactions. An operator leaves the file for as long as it has held it: who
// serves comes first.
func (w *writer) Tidy() error {
	if w.store.operator {
		time.Sleep(max(time.Since(w.locked), time.Millisecond))
	}
	err := w.session.log.care(w.session)
	if err != nil {
		w.abandonSession(err)
	}
	return err
}

// transact writes the batch. When it returns an error other than of faultBusy, the session may be in any state, except
// that nothing of the batch was acknowledged.
func (w *writer) transact(batch []work) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while writing: %v", p)
		}
	}()
	ctx := context.Background() // what is begun is finished: no caller's context ends it
	s := w.session
	if err := w.lock(ctx); err != nil {
		return err
	}
	s.outboxStatements.begin()
	for _, one := range batch {
		if _, aside := one.(commit.Aside); aside { // it looks at the outbox
			if err := s.writePending(ctx); err != nil {
				return s.undo(ctx, err)
			}
		}
		if err := one.write(ctx, s); err != nil {
			return s.undo(ctx, err)
		}
		if i, ok := one.(idler); !ok || !i.idle() {
			s.changed = true
		}
	}
	if err := s.writePending(ctx); err != nil {
		return s.undo(ctx, err)
	}
	if err := s.logWhole(w.store); err != nil { // a log that was cut would be as long as before again
		return err
	}
	if _, err := s.commit.ExecContext(ctx); err != nil {
		return s.undo(ctx, err)
	}
	return s.inPlace(w.store)
}

// lock takes the write lock of the file. Beside another process that writes the lock is free for moments only, which
// SQLite's own way of waiting, with pauses of up to 100 ms, may miss one after the other: so this one looks often, and
// at random times.
func (w *writer) lock(ctx context.Context) error {
	patience := busyTimeout
	if w.store.operator {
		patience = operatorPatience / 2
	}
	for deadline := time.Now().Add(patience); ; {
		_, err := w.session.begin.ExecContext(ctx)
		if code(err) != codes.SQLITE_BUSY {
			w.locked = time.Now()
			return err
		}
		if time.Now().After(deadline) {
			return &busyError{err}
		}
		time.Sleep(rand.N(time.Millisecond))
	}
}

// abandonSession gives the connection up: what it believes about the file may not be so. The store is in trouble until
// Revive succeeds.
func (w *writer) abandonSession(err error) {
	w.store.wrote.Store(0)
	w.store.failed = true
	if moved := errors.Is(err, errMoved); !moved {
		// where the disk fails, too, nothing more can be done; as the last connection it would take the log with it
		_ = noteKept(w.store.lock, true)
		w.store.mayBeGone = true
	} else {
		_ = w.store.Reader.release() // before the writer: as the last one it saves what is only in a log that was deleted
	}
	_ = w.session.close() // it is given up because it fails: one failure more adds nothing
	if log := w.session.log; log != nil && log.unsynced {
		w.store.unsynced = true
	}
	w.session = nil
	if w.store.unsynced {
		// After the writer: as the last connection it would take the log with it, and leave out what may be lost. Who only
		// reads cannot.
		_ = w.store.Reader.release()
	}
}

// Revive tries to end the trouble.
func (w *writer) Revive() error {
	if w.session != nil { // its last use ended in a panic
		w.abandonSession(nil)
	}
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	session, err := w.store.openSession(ctx)
	if err != nil {
		return err
	}
	if err := w.store.Reader.reopen(ctx); err != nil {
		_ = session.close() // the first error says enough
		return err
	}
	w.session = session
	return nil
}

// Close ends the readers, empties the log, and lets the file go. The writer is the last: SQLite removes the log when
// its last connection ends.
func (w *writer) Close() (err error) {
	defer func() { err = errors.Join(err, w.store.data.close()) }()
	if w.session != nil {
		if w.session.log.settle(); w.session.log.unsynced {
			w.abandonSession(nil)
		}
	}
	if err = w.store.Reader.Close(); w.session == nil {
		if w.store.unsynced { // where it fails, the log stays for the next start
			err = errors.Join(err, w.store.copyAgain(context.Background()))
		}
		return err
	}
	if !w.store.operator {
		err = errors.Join(err, w.session.settleLog(context.Background(), w.store))
	}
	return errors.Join(err, w.session.close())
}
