package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

const (
	// logEnough is how many pages of 4 KiB the write-ahead log takes before it is copied into the database file: the more,
	// the more often a page that changed many times is copied only once; the less, the faster a start after a crash.
	logEnough = 16_000
	// readerPatience is how long the writer lets a reader finish that still reads from the log, once for every copy. A
	// reader that takes longer makes the log longer.
	readerPatience = 50 * time.Millisecond
)

// writeLog keeps the write-ahead log short without making a delivery wait for it. A second connection copies the bulk
// and syncs it while the writer goes on; then the writer waits while it copies and syncs the few pages that came
// meanwhile, a matter of some milliseconds, and starts the log again. Without that wait the log would never be copied
// whole under constant load, and would grow without bound.
type writeLog struct {
	enough int           // pages: see logEnough
	pages  int           // written since the last copy
	copier *sql.DB       // the second connection
	sync   func() error  // of the database file: see dataFile
	copied chan copyDone // holds one
	busy   bool          // a copy of the bulk is under way
	// pages were copied into the database file and not synced. SQLite does not copy them again as long as anybody has the
	// store open, though a sync that failed may have lost them. Who copies owns it.
	unsynced bool
}

// copyDone is how a copy ended.
type copyDone struct {
	complete bool // all of the log is in the database file, and synced
	err      error
}

func openLog(s *Store) (*writeLog, error) {
	settings := append(s.writing(), fmt.Sprintf("_busy_timeout=%d", readerPatience.Milliseconds()),
		"_pragma=cache_size(-64)")
	file, err := s.data.open(s.path)
	if err != nil {
		return nil, err
	}
	copier, err := sql.Open("sqlite", dsn(s.path, "rw", settings...))
	if err != nil {
		return nil, err
	}
	copier.SetMaxOpenConns(1)
	return &writeLog{enough: s.logEnough, copier: copier, sync: func() error { return s.syncFile(file) },
		copied: make(chan copyDone, 1)}, nil
}

// care is called between two transactions. Its error means that the log could not be copied, which is as bad as a write
// that failed.
func (l *writeLog) care(w *session) error {
	pages, err := w.pagesWritten()
	if err != nil {
		return err
	}
	l.pages += pages
	if !l.busy {
		if l.pages >= l.enough {
			if err := expect(context.Background(), w.conn); err != nil {
				return inTheWay(err)
			}
			l.busy = true
			go func() { l.copied <- l.copyBulk() }()
		}
		return nil
	}
	select {
	case done := <-l.copied:
		l.busy = false
		if done.err != nil {
			return done.err
		}
		l.pages = 0
		restarted := l.copy("RESTART")
		if restarted.complete {
			return inTheWay(begin(context.Background(), w.conn))
		}
		return restarted.err
	default:
		return nil
	}
}

// inTheWay is no error where another process has the write lock: the log is looked after again later, and may go on
// without the mark of a new one.
func inTheWay(err error) error {
	if code(err) == codes.SQLITE_BUSY {
		return nil
	}
	return err
}

// copyBulk copies what is in the log beside the writer, and once more, for what came while it did so. It cuts nothing
// from the log.
func (l *writeLog) copyBulk() (done copyDone) {
	for range 2 {
		if done = l.copy("PASSIVE"); done.err != nil || done.complete {
			return done
		}
	}
	return done
}

// copy runs a checkpoint, PASSIVE beside a writer, RESTART while none writes, and syncs what it copied. SQLite does so
// itself only where it knows that nothing was written meanwhile: in no PASSIVE one that a writer ran beside, though the
// numbers that come back look like those of a copy that is complete.
func (l *writeLog) copy(mode string) copyDone {
	done := checkpoint(context.Background(), l.copier, mode)
	if done.err == nil && (mode == "PASSIVE" || !done.complete) {
		done.err = l.sync()
		l.unsynced = done.err != nil
	}
	return done
}

// checkpoint copies the log into the database file, and syncs that if the copy is complete.
func checkpoint(ctx context.Context, db asker, mode string) (done copyDone) {
	var blocked, frames, copied int
	done.err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&blocked, &frames, &copied)
	done.complete = done.err == nil && blocked == 0 && frames == copied
	return done
}

// settle waits for a copy under way.
func (l *writeLog) settle() {
	if l.busy {
		<-l.copied
		l.busy = false
	}
}

func (l *writeLog) close() error {
	l.settle()
	return l.copier.Close()
}

// pagesWritten is how many pages the connection wrote to the log since the last call.
func (w *session) pagesWritten() (pages int, err error) {
	err = w.conn.Raw(func(c any) (err error) {
		pages, _, err = c.(driver.DBStatus).Status(driver.DBStatusCacheWrite, true)
		return err
	})
	return pages, err
}
