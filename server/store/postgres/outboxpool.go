package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"numhook/server/event"
	"numhook/server/store/commit"
)

// openOutboxPool prepares the connections that hand out the outbox, and change its rows. None is made before it is
// needed, and each is held to the conditions of those that write.
func (s *Store) openOutboxPool(ctx context.Context) (*pgxpool.Pool, error) {
	config := s.dsn.pool.Copy()
	config.MaxConns, config.MinConns, config.MinIdleConns = outboxConns, 0, 0
	config.ConnConfig.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			conn.CustomData()[warned] = n.Code
		}
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		w := &session{conn: conn.PgConn()}
		if err := configure(ctx, w.conn, bounds, ways, keepingWays); err != nil {
			return err
		}
		if err := w.prove(ctx, s.opts.AllowUnsafe); err != nil {
			return err
		}
		return requireLatest(ctx, w.conn)
	}
	return pgxpool.NewWithConfig(ctx, config)
}

// warned is where a connection keeps the code of a warning that came during a round trip: see warningError.
const warned = "warned"

// transaction is one transaction, which goes to the server in one piece. It may be sent several times: so again says
// whether an attempt before this one may have been durable, and what takes the answers starts again.
type transaction func(b *pgx.Batch, again bool)

// transact makes what the transaction asks for durable. What stands in the way it tries again for a while. A callback
// of the transaction's that fails with an event.Error decides the answer, but not what becomes of the transaction.
func (s *Store) transact(ctx context.Context, verb string, patience time.Duration, ask transaction) error {
	if err := context.Cause(ctx); err != nil {
		return s.dsn.unavailable(verb, err)
	}
	if err := s.latch.Shut(verb); err != nil {
		return err
	}
	limit, pause := time.Now().Add(patience), retryPause
	for again := false; ; again = true {
		err := s.attempt(ctx, ask, again)
		if e, ok := errors.AsType[*event.Error](err); ok && e.Kind != event.Unavailable {
			return e
		}
		switch faultOf(err) {
		case faultNone:
			return nil
		case faultOwn:
			return refused(verb, s.dsn.describe(err).Error())
		case faultRefused:
			return s.dsn.unavailable(verb, err)
		case faultSession:
			s.outboxPool.Reset() // the others are as old
		}
		if s.committer.Closed() {
			err = commit.ErrClosed
		}
		if time.Now().Add(pause).After(limit) || s.committer.Closed() || ctx.Err() != nil {
			return s.dsn.unavailable(verb, err)
		}
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
		pause = min(2*pause, 500*time.Millisecond)
	}
}

// attempt is one attempt. Once it is begun it is finished, although the caller may have gone: what was committed and
// not heard of would have to wait for somebody to find it.
func (s *Store) attempt(ctx context.Context, ask transaction, again bool) (err error) {
	if s.committer.Closed() {
		return commit.ErrClosed
	}
	conn, err := s.outboxPool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime)
	defer cancel()
	delete(conn.Conn().PgConn().CustomData(), warned)
	b := &pgx.Batch{}
	b.Queue(statements[sayBegin])
	ask(b, again)
	b.Queue(statements[sayCommit]).Exec(func(tag pgconn.CommandTag) error {
		if tag.String() != "COMMIT" { // a transaction that had failed says ROLLBACK
			return errAnswer
		}
		return nil
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		if !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
			_, undone := conn.Exec(ctx, "ROLLBACK")
			err = errors.Join(err, undone)
		}
		return err
	}
	if code, ok := conn.Conn().PgConn().CustomData()[warned].(string); ok {
		return &warningError{code}
	}
	return nil
}
