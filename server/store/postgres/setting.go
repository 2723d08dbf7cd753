package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
)

// oldest is the oldest server that is taken, as its server_version_num.
const oldest = 130000

// settings are what the promise depends on. Empty is a setting that the server does not know.
type settings struct {
	version           int
	recovery          string // true on a replica
	fsync             string
	fullPageWrites    string
	dataSyncRetry     string
	synchronousCommit string
	standbys          string // synchronous_standby_names
	unlogged          string // a table of the store that is emptied after a crash
}

const readSettings = `SELECT current_setting('server_version_num'), pg_is_in_recovery()::text,
	coalesce(current_setting('fsync', true), ''),
	coalesce(current_setting('full_page_writes', true), ''), coalesce(current_setting('data_sync_retry', true), ''),
	coalesce(current_setting('synchronous_commit', true), ''), coalesce(current_setting('synchronous_standby_names', true),
		''),
	coalesce((SELECT min(relname::text) FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace('numhook')
		AND relkind = 'r' AND relpersistence <> 'p'), '')`

func (w *session) settings(ctx context.Context) (s settings, err error) {
	values, err := oneRow(ctx, w.conn, readSettings)
	if err != nil {
		return s, err
	}
	if len(values) != 8 {
		return s, errAnswer
	}
	version, err := strconv.Atoi(values[0])
	if err != nil {
		return s, errAnswer
	}
	return settings{version, values[1], values[2], values[3], values[4], values[5], values[6], values[7]}, nil
}

// doubt names the first setting under which an acknowledged event could be lost, and why; both are empty when there is
// none.
func (s settings) doubt() (setting, why string) {
	const crash = "a crash of the database's machine"
	switch {
	case s.version < oldest:
		return "the server is version " + strconv.Itoa(s.version/10000), "below 13 nobody mends it any more, and this " +
			"program was never tested with it"
	case s.fsync == "off":
		return "fsync is off", crash + " would lose acknowledged events, and can ruin the whole database"
	case s.fullPageWrites == "off":
		return "full_page_writes is off", crash + " can leave half-written pages with acknowledged events in them"
	case s.dataSyncRetry == "on":
		return "data_sync_retry is on", "after a failed fsync the server would go on as if the data were on the disk"
	case s.synchronousCommit == "off":
		return "synchronous_commit is off", "a commit returns before it is on the disk: a crash would lose " +
			"acknowledged events"
	case s.synchronousCommit == "local" && s.standbys != "":
		return "synchronous_commit is local although synchronous_standby_names is set",
			"a commit does not wait for the standby: after a failover to it acknowledged events would be gone"
	case s.unlogged != "":
		return "the table " + s.unlogged + " is unlogged", "the server empties it after a crash"
	}
	return "", ""
}

// prove refuses a server on which the promise would not hold. What it found good stays so for the session:
// synchronous_commit is set to what it is, so that a later change of the server's configuration does not reach it.
func (w *session) prove(ctx context.Context, allowUnsafe bool) error {
	s, err := w.settings(ctx)
	if err != nil {
		return err
	}
	if s.recovery == "true" {
		return &event.Error{Kind: event.Unavailable, Text: "cannot open store: the server is a replica: it cannot write",
			Hint: "give --store the URL of the primary; among several hosts in it, target_session_attrs=read-write " +
				"finds the one"}
	}
	if allowUnsafe {
		return nil
	}
	if setting, why := s.doubt(); setting != "" {
		return &event.Error{Kind: event.Unavailable, Text: "cannot open store: " + setting + ": " + why,
			Hint: "change it, or give --allow-unsafe-store if losing acknowledged events is acceptable"}
	}
	return configure(ctx, w.conn, map[string]string{"synchronous_commit": s.synchronousCommit})
}

// oneRow is the first row of a query, as text.
func oneRow(ctx context.Context, conn *pgconn.PgConn, query string) ([]string, error) {
	result := conn.ExecParams(ctx, query, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	if len(result.Rows) == 0 {
		return nil, errNoRow
	}
	values := make([]string, len(result.Rows[0]))
	for i, value := range result.Rows[0] {
		values[i] = string(value)
	}
	return values, nil
}

var errNoRow = errors.New("the database answered without a row")
