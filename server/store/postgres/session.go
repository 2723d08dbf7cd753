package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is a connection that writes, with its prepared statements. One goroutine owns it.
type session struct {
	conn     *pgconn.PgConn
	prepared map[string]*pgconn.StatementDescription
	warned   string // the code of a warning that came during the round trip, or empty
}

// Bounds of a session on the server's side, so that nothing of it is held for long when this program or the network
// stalls; see writeTime for this side. What a server does not know is left out.
var bounds = map[string]string{
	"lock_timeout":                        "1500ms", // how long to wait for another receiver that stores the same event
	"statement_timeout":                   "8s",
	"transaction_timeout":                 "9s", // from PostgreSQL 17
	"idle_in_transaction_session_timeout": "5s",
	"tcp_keepalives_idle":                 "5",
	"tcp_keepalives_interval":             "2",
	"tcp_keepalives_count":                "3",
	"tcp_user_timeout":                    "10s",
}

// ways are how the server shall go about the statements: every one alike, whatever was set for the role or learned from
// those before. A statement may have been planned when its tables were empty, and goes on so when they are large: so
// none may read a table but by an index.
var ways = map[string]string{
	"default_transaction_isolation": "read committed",
	"default_transaction_read_only": "off",
	"search_path":                   "pg_catalog",
	"row_security":                  "off",
	"jit":                           "off",
	"plan_cache_mode":               "force_generic_plan",
	"enable_seqscan":                "off",
	"enable_bitmapscan":             "off",
}

// storingWays are for deliveries, whose statements join one list with another: the planner does not know how long an
// array will be, and a hash join does well with any. keepingWays are for the outbox, where rows are looked up one by
// one.
var (
	storingWays = map[string]string{"enable_nestloop": "off", "enable_hashjoin": "on"}
	keepingWays = map[string]string{"enable_nestloop": "on", "enable_hashjoin": "off", "enable_mergejoin": "off"}
)

// connect opens a connection, and refuses a server on which the promise would not hold.
func (s *Store) connect(ctx context.Context, how map[string]string) (*session, error) {
	w := &session{}
	config := s.dsn.config()
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			w.warned = n.Code
		}
	}
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	w.conn = conn
	if err = s.dsn.refusePooler(ctx, w.conn); err == nil {
		err = configure(ctx, w.conn, bounds, ways, how)
	}
	if err == nil {
		err = w.prove(ctx, s.opts.AllowUnsafe)
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// openSession connects and makes ready to write.
func (s *Store) openSession(ctx context.Context, how map[string]string) (*session, error) {
	w, err := s.connect(ctx, how)
	if err != nil {
		return nil, err
	}
	if err := w.ready(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// ready checks the schema and prepares the statements.
func (w *session) ready(ctx context.Context) error {
	if err := requireLatest(ctx, w.conn); err != nil {
		return err
	}
	w.prepared = map[string]*pgconn.StatementDescription{}
	pipeline := w.conn.StartPipeline(ctx)
	var names []string
	for name, text := range statements {
		names = append(names, name)
		pipeline.SendPrepare(name, text, nil)
	}
	err := pipeline.Sync()
	for i := 0; err == nil && i < len(names); i++ {
		var result any
		if result, err = pipeline.GetResults(); err == nil {
			description, ok := result.(*pgconn.StatementDescription)
			if !ok {
				err = errAnswer
				break
			}
			description.Name = names[i]
			w.prepared[names[i]] = description
		}
	}
	return errors.Join(err, pipeline.Close())
}

// write makes the batch durable. After an error nothing of it is known to be.
func (w *session) write(ctx context.Context, b *batch) error {
	if err := w.send(ctx, b); err != nil || b.wrote() {
		return err
	}
	// All of it was there before. The commit that brought it may have been one that did not wait for the disk or the
	// standby: this one does, and all that stands before it in the log is then safe, too.
	sure := newBatch()
	sure.gather([]work{fact{"ready", time.Now()}})
	return w.send(ctx, sure)
}

func (w *session) send(ctx context.Context, b *batch) error {
	w.warned = ""
	trip := &roundTrip{session: w, pipeline: w.conn.StartPipeline(ctx)}
	b.ask(trip)
	if err := trip.run(); err != nil {
		return errors.Join(err, w.undo(ctx))
	}
	if w.warned != "" {
		return &warningError{w.warned}
	}
	return nil
}

// warningError is a warning that came with a commit. The server gives one when it stopped to wait for its synchronous
// standby, and reports the commit all the same: what is on one machine only is not acknowledged. The next attempt finds
// the event there, and waits again.
type warningError struct{ code string }

func (e *warningError) Error() string {
	return "the database committed with a warning (SQLSTATE " + e.code + "), so it may not have reached the standby"
}

// undo ends a failed transaction on a connection that has survived it.
func (w *session) undo(ctx context.Context) error {
	if w.conn.IsClosed() || w.conn.TxStatus() == 'I' {
		return nil
	}
	return w.conn.Exec(ctx, "ROLLBACK").Close()
}

// close tells the server goodbye, if it still listens.
func (w *session) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return w.conn.Close(ctx)
}

// configure sets what the server knows of the settings given, for the session.
func configure(ctx context.Context, conn *pgconn.PgConn, groups ...map[string]string) error {
	names, values := newTable(typeText), newTable(typeText)
	for _, settings := range groups {
		for name, value := range settings {
			names.columns[0].text(name)
			values.columns[0].text(value)
		}
	}
	_, err := conn.ExecParams(ctx, `SELECT set_config(s.name, s.value, false)
		FROM unnest($1::text[], $2::text[]) AS s (name, value)
		JOIN pg_catalog.pg_settings USING (name)`, [][]byte{names.columns[0].parameter(), values.columns[0].parameter()}, nil,
		binaryFormat, nil).Close()
	return err
}
