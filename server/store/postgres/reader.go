package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/sound"
)

// Reader reads the store, on connections that cannot write. It implements store.Reader. Every call sees one state of
// the store: the newest at its begin, or on a replica whatever has arrived there.
type Reader struct {
	dsn        dsn
	pool       *pgxpool.Pool
	alone      asker // asks on one connection, without the pool; nil but for a repair
	identities sound.Check
	long       sound.Memory
	now        func() time.Time // the outbox's clock; nil means the database's
}

// asker is a pool or a connection.
type asker interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

func (r *Reader) asker() asker {
	if r.alone != nil {
		return r.alone
	}
	return r.pool
}

// clock is the outbox's time, as a parameter; nil is NULL.
func (r *Reader) clock() *int64 {
	if r.now == nil {
		return nil
	}
	now := r.now().UnixMicro()
	return &now
}

var _ store.Reader = (*Reader)(nil)

// reading is how the connections that read are set up.
var reading = map[string]string{
	"default_transaction_read_only": "on",
	"search_path":                   "pg_catalog",
	"jit":                           "off",
	"tcp_keepalives_idle":           "30",
}

func (d dsn) openReader(ctx context.Context) (*Reader, error) {
	config := d.pool.Copy()
	config.MaxConns = max(config.MaxConns, readers)
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := d.refusePooler(ctx, conn.PgConn()); err != nil {
			return err
		}
		return configure(ctx, conn.PgConn(), reading)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, d.openError(err)
	}
	r := &Reader{dsn: d, pool: pool}
	if err := r.check(ctx); err != nil {
		pool.Close()
		return nil, d.openError(err)
	}
	return r, nil
}

func (r *Reader) check(ctx context.Context) error {
	return r.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return requireLatest(ctx, conn.Conn().PgConn()) })
}

// Close ends the connections.
func (r *Reader) Close() error {
	r.pool.Close()
	return nil
}

// each calls scan for every row.
func (r *Reader) each(ctx context.Context, verb string, scan func(pgx.Rows) error, query string, args ...any) error {
	err := r.fresh(func() (handed bool, err error) {
		rows, err := r.asker().Query(ctx, query, args...)
		if err != nil {
			return false, err
		}
		defer rows.Close()
		for rows.Next() {
			handed = true
			if err := scan(rows); err != nil {
				return handed, err
			}
		}
		return handed, rows.Err()
	})
	if err != nil {
		return r.unreadable(verb, err)
	}
	return nil
}

// fresh reads, and once more on new connections where one of the pool's turned out to be lost: since it was used last,
// the server may have been restarted, or somebody may have ended the session. Nothing is read again once a row has been
// handed on.
func (r *Reader) fresh(read func() (handed bool, err error)) error {
	handed, err := read()
	if handed || !lost(err) || r.alone != nil {
		return err
	}
	r.pool.Reset() // the others are as old
	_, err = read()
	return err
}

// LastChallenge implements store.Reader.
func (r *Reader) LastChallenge(ctx context.Context) (at time.Time, err error) {
	err = r.each(ctx, "read last challenge", func(rows pgx.Rows) error { return rows.Scan((*timestamp)(&at)) },
		"SELECT at FROM numhook.facts WHERE name = 'challenge'")
	return at, err
}

// timestamp scans microseconds since the epoch.
type timestamp time.Time

// ScanInt64 is what the driver calls.
func (t *timestamp) ScanInt64(v pgtype.Int8) error {
	*t = timestamp(time.UnixMicro(v.Int64).UTC())
	return nil
}

// senderText scans what the sender wrote.
type senderText string

// ScanBytes is what the driver calls.
func (t *senderText) ScanBytes(v []byte) error {
	*t = senderText(v)
	return nil
}

// identity scans 32 bytes; NULL is the zero identity.
type identity event.ID

// ScanBytes is what the driver calls.
func (i *identity) ScanBytes(v []byte) error {
	if v == nil {
		*i = identity{}
		return nil
	}
	if len(v) != len(i) {
		return errors.New("an identity is not 32 bytes")
	}
	copy(i[:], v)
	return nil
}

// jsonColumn scans JSON into what it points to; an empty list stays nil.
type jsonColumn struct{ into any }

// ScanBytes is what the driver calls.
func (j jsonColumn) ScanBytes(v []byte) error {
	if string(v) == "[]" {
		return nil
	}
	return json.Unmarshal(v, j.into)
}

// rawValue scans a value; NULL is nil.
type rawValue struct{ into *json.RawMessage }

// ScanBytes is what the driver calls; it lends the bytes.
func (r rawValue) ScanBytes(v []byte) error {
	*r.into = bytes.Clone(v)
	return nil
}

// rawBody scans a body; an empty one is nil.
type rawBody struct{ into *[]byte }

// ScanBytes is what the driver calls; it lends the bytes.
func (r rawBody) ScanBytes(v []byte) error {
	if *r.into = nil; len(v) > 0 {
		*r.into = bytes.Clone(v)
	}
	return nil
}
