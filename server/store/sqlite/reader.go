package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	codes "modernc.org/sqlite/lib"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/sound"
)

// Reader reads the store, on connections that cannot write. It implements store.Reader. Every call sees one state of
// the store, the newest at its begin.
type Reader struct {
	path       string
	params     []string // of its connections, beside those of all
	identities sound.Check
	long       sound.Memory
	mu         sync.RWMutex // guards db
	db         *sql.DB      // nil while there is no file to read

	clock func() time.Time // of the outbox; nil for time.Now
}

var _ store.Reader = (*Reader)(nil)

func (r *Reader) open(ctx context.Context, path string) error {
	db, err := openReaders(ctx, path)
	if err != nil {
		return err
	}
	r.path, r.db = path, db
	return nil
}

// openUnchanging opens a file that nobody has open, for somebody who may write nothing at all: not even the index of a
// log, which there is none of. A receiver that is started meanwhile writes its log first, and what is read here stays
// what it was for as long as a verb takes, as a rule.
func (r *Reader) openUnchanging(ctx context.Context, path string) error {
	if log, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) && (err != nil || log.Size() > 0) {
		return errHasLog
	}
	params := []string{"immutable=1"}
	db, err := openReaders(ctx, path, params...)
	if err != nil {
		return err
	}
	r.path, r.params, r.db = path, params, db
	return nil
}

// isUnwritableFolder is the error of whoever may make no file beside the store.
func isUnwritableFolder(err error) bool { return extendedCode(err) == codes.SQLITE_READONLY_DIRECTORY }

// errHasLog: what the file holds is not all.
var errHasLog = errors.New("the store has a log that is not in its file yet")

func openReaders(ctx context.Context, path string, params ...string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path, "ro", append(params, "_query_only=on", "_pragma=cache_size(-8192)")...))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	if err := requireLatest(ctx, db); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// release lets go of connections that have a file open which is no longer the store. Reads fail until reopen.
func (r *Reader) release() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil {
		return nil
	}
	db := r.db
	r.db = nil
	return db.Close()
}

// reopen ends what release began.
func (r *Reader) reopen(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db != nil {
		return nil
	}
	db, err := openReaders(ctx, r.path, r.params...)
	if err == nil {
		r.db = db
	}
	return err
}

// Close releases the connections.
func (r *Reader) Close() error { return r.release() }

// errReleased: the store is closed, or its file is gone.
var errReleased = errors.New("the store is not open")

// each calls scan for every row.
func (r *Reader) each(ctx context.Context, verb string, scan func(*sql.Rows) error, query string, args ...any) error {
	r.mu.RLock()
	db := r.db
	r.mu.RUnlock()
	if db == nil {
		return unavailable(verb, errReleased)
	}
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return unreadable(verb, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return unreadable(verb, err)
		}
	}
	if err := rows.Err(); err != nil {
		return unreadable(verb, err)
	}
	return nil
}

// LastChallenge implements store.Reader.
func (r *Reader) LastChallenge(ctx context.Context) (at time.Time, err error) {
	err = r.each(ctx, "read last challenge", func(rows *sql.Rows) error { return rows.Scan((*timestamp)(&at)) },
		"SELECT at FROM facts WHERE name = 'challenge'")
	return at, err
}

// timestamp scans microseconds since the epoch.
type timestamp time.Time

func (t *timestamp) Scan(v any) error {
	micros, ok := v.(int64)
	if !ok {
		return errors.New("a time is not an integer")
	}
	*t = timestamp(time.UnixMicro(micros).UTC())
	return nil
}

// identity scans 32 bytes; NULL is the zero identity.
type identity event.ID

func (i *identity) Scan(v any) error {
	b, ok := v.([]byte)
	if v == nil {
		*i = identity{}
		return nil
	}
	if !ok || len(b) != len(i) {
		return errors.New("an identity is not 32 bytes")
	}
	copy(i[:], b)
	return nil
}

// jsonColumn scans JSON text into what it points to; an empty list stays nil.
type jsonColumn struct{ into any }

func (j jsonColumn) Scan(v any) error {
	text, ok := v.(string)
	if !ok {
		return errors.New("a JSON column is not text")
	}
	if text == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(text), j.into)
}

// rawValue scans a value; NULL is nil.
type rawValue struct{ into *json.RawMessage }

func (r rawValue) Scan(v any) error {
	text, ok := v.(string)
	if v == nil {
		*r.into = nil
		return nil
	}
	if !ok {
		return errors.New("a value is not text")
	}
	*r.into = json.RawMessage(text)
	return nil
}
