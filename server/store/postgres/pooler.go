package postgres

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
)

// refusePooler refuses a connection whose transactions a pooler, such as PgBouncer, hands to whichever session is free:
// what holds for a session here (synchronous_commit, time-outs, prepared statements) would hold for somebody else's,
// and not for ours.
func (d dsn) refusePooler(ctx context.Context, conn *pgconn.PgConn) error {
	own := strconv.FormatUint(uint64(conn.PID()), 10)
	first, err := backend(ctx, conn)
	if err != nil || first == own {
		return err
	}
	// There is a pooler. One that gives each client a session of its own is good: then two clients never share one, and
	// none changes.
	other, err := pgconn.ConnectConfig(ctx, d.config())
	if err != nil {
		return err
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	second, err := backend(ctx, other)
	if err != nil {
		return err
	}
	again, err := backend(ctx, conn)
	if err != nil {
		return err
	}
	if first != second && first == again {
		return nil
	}
	return &event.Error{Kind: event.Unavailable,
		Text: "cannot open store: between here and PostgreSQL stands a pooler in transaction mode (pool_mode of " +
			"PgBouncer), under which settings of a session are lost",
		Hint: "give --store the address of PostgreSQL itself, or of a pool with pool_mode=session; numhook pools its " +
			"connections by itself"}
}

// backend is the process that serves a connection.
func backend(ctx context.Context, conn *pgconn.PgConn) (string, error) {
	values, err := oneRow(ctx, conn, "SELECT pg_catalog.pg_backend_pid()::text")
	if err != nil {
		return "", err
	}
	if len(values) != 1 {
		return "", errAnswer
	}
	return values[0], nil
}
