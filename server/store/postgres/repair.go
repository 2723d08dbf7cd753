package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// Bounds of a repair. It waits for a moment in which nobody is at the tables as a registration does, only longer.
const (
	repairTime  = 60 * time.Second
	repairPause = 200 * time.Millisecond
)

// tables are the store's, in the order in which everybody takes their locks.
var tables = []string{"quarantine", "events", "changes", "owed", "downstreams", "facts", "accesses", "activity"}

var analyzeTables = "ANALYZE numhook." + strings.Join(tables, ", numhook.")

// repair is a repair under way: one transaction, alone with the tables.
type repair struct {
	sound.Salvage
	sound.Salvaged
	position dsn
	tx       pgx.Tx
	store    *Reader // reads through the transaction
	indexes  []indexed
}

// Repair saves what is whole of a store, in place and in one transaction: each event that can be read and whose body is
// that of its identity, with what it changes derived again; quarantine, downstreams, facts, and the outbox, as far as
// they can be read. What can be read and does not agree is moved to the table damaged. All tables are written again,
// and with them their indexes; nothing of a page that the server cannot read is left.
//
// Receivers may run beside it. It holds the lock of the seqs alone and every table, so they acknowledge nothing and
// hand on nothing until it has ended; whatever ends it before that leaves the store as it was.
func Repair(ctx context.Context, url string, how sound.Salvage) (*sound.Salvaged, error) {
	d, err := parse(url)
	if err != nil {
		return nil, err
	}
	conn, err := d.connectAlone(ctx)
	if err != nil {
		return nil, d.openError(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // what counts is the commit
	r := &repair{Salvage: how, position: d}
	r.Lost = []sound.LostPiece{}
	if err := r.run(ctx, conn); err != nil {
		return nil, d.unavailable("repair store", err)
	}
	return &r.Salvaged, nil
}

// connectAlone opens a connection that may take as long as it needs.
func (d dsn) connectAlone(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, d.pool.ConnConfig.Copy())
	if err != nil {
		return nil, err
	}
	w := &session{conn: conn.PgConn()}
	if err = d.refusePooler(ctx, w.conn); err == nil {
		err = configure(ctx, w.conn, patient, map[string]string{
			"default_transaction_isolation": "read committed", "default_transaction_read_only": "off",
			"search_path": "pg_catalog", "row_security": "off",
			"jit": "off", "tcp_keepalives_idle": "30", "idle_in_transaction_session_timeout": "0",
		})
	}
	if err == nil {
		err = w.prove(ctx, true)
	}
	if err == nil {
		err = requireLatest(ctx, w.conn)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return conn, nil
}

func (r *repair) run(ctx context.Context, conn *pgx.Conn) error {
	if err := r.begin(ctx, conn); err != nil {
		return err
	}
	defer func() { _ = r.tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after the commit
	r.store = &Reader{dsn: r.position, alone: r.tx}
	for _, step := range []func(context.Context) error{
		r.shelves, r.unindex, r.events, r.missing, r.quarantine, r.small, r.outbox, r.restore, r.index, r.sequences, r.tidy,
		r.enqueue, r.confirm,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.tx.Commit(ctx)
}

// begin starts the transaction with all locks that it will ever need: it could not take them later without a deadlock
// with those who read first and write then.
func (r *repair) begin(ctx context.Context, conn *pgx.Conn) (err error) {
	locks := []string{
		waitTime, alone, "LOCK TABLE numhook." + strings.Join(tables, ", numhook.") + ", numhook.damaged IN ACCESS " +
			"EXCLUSIVE MODE",
		"SET LOCAL lock_timeout = 0",
	}
	for limit := time.Now().Add(repairTime); ; {
		if r.tx, err = conn.Begin(ctx); err != nil {
			return err
		}
		for _, lock := range locks {
			if _, err = r.tx.Exec(ctx, lock); err != nil {
				break
			}
		}
		if err == nil {
			return nil
		}
		if undone := r.tx.Rollback(ctx); undone != nil {
			return errors.Join(err, undone)
		}
		if faultOf(err) != faultRace {
			return err
		}
		if time.Now().After(limit) {
			return &event.Error{Kind: event.Unavailable, Text: "somebody is at its tables all the time",
				Hint: "stop the receivers, and whatever else reads the database (a dump, a long query), and repair it then"}
		}
		pause := time.NewTimer(repairPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}

// apart runs a part of the transaction that may fail without ending it.
func (r *repair) apart(ctx context.Context, part func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, r.tx, part)
}

func (r *repair) exec(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := r.tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// restore puts what was saved back into empty tables, whose pages and indexes are new.
func (r *repair) restore(ctx context.Context) error {
	r.Tell("restore", 0)
	return r.exec(ctx,
		"TRUNCATE numhook."+strings.Join(tables, ", numhook."),
		`INSERT INTO numhook.events
				(seq, event_ts, received, quarantine, carrier_code, attribute, id, name, account_id, numbers, value, drift, lint,
					door, header, body)
			SELECT seq, event_ts, received, quarantine, carrier_code, attribute::numhook.attribute, id, name, account_id,
				numbers, value,
				drift, lint, door, header, body
			FROM pg_temp.saved_events ORDER BY seq`,
		`INSERT INTO numhook.changes (ordered_ts, seq, attribute, number)
			SELECT ordered_ts, seq, attribute::numhook.attribute, number FROM pg_temp.saved_changes
				ORDER BY number, attribute, ordered_ts, seq`,
		// An entry whose event could not be saved can be redriven once more.
		`INSERT INTO numhook.quarantine (id, door, path_event, digest, reason, event_name, violations, times, state,
			redriven_as, received, header, body)
			OVERRIDING SYSTEM VALUE SELECT q.id, q.door, q.path_event, q.digest, q.reason, q.event_name, q.violations, q.times,
				CASE WHEN q.redriven_as IS NULL OR e.seq IS NOT NULL THEN q.state ELSE 'held' END, e.seq, q.received, q.header,
					q.body
			FROM pg_temp.saved_quarantine q LEFT JOIN numhook.events e ON e.seq = q.redriven_as ORDER BY q.id`,
		`INSERT INTO numhook.downstreams OVERRIDING SYSTEM VALUE SELECT * FROM pg_temp.saved_downstreams ORDER BY id`,
		`INSERT INTO numhook.facts SELECT * FROM pg_temp.saved_facts`,
		`INSERT INTO numhook.accesses OVERRIDING SYSTEM VALUE SELECT * FROM pg_temp.saved_accesses ORDER BY id`,
		`INSERT INTO numhook.activity SELECT * FROM pg_temp.saved_activity`,
		`INSERT INTO numhook.owed (`+outboxSaved+`) OVERRIDING SYSTEM VALUE SELECT `+outboxSaved+` FROM pg_temp.saved_owed `+
			`ORDER BY id`,
		`UPDATE numhook.events SET quarantine = NULL WHERE quarantine IS NOT NULL AND quarantine NOT IN (SELECT id FROM `+
			`numhook.quarantine)`,
	)
}

// tidy takes away the outbox and is not what the events say.
func (r *repair) tidy(ctx context.Context) error {
	result, err := r.tx.Exec(ctx, "DELETE FROM numhook.owed WHERE id IN ("+outboxWrong+")", int64(0), int64(1)<<62)
	r.Outbox -= result.RowsAffected()
	return err
}

// enqueue has each downstream get what it is to get and has no row of.
func (r *repair) enqueue(ctx context.Context) error {
	r.Tell("owed anew", 0)
	downstreams, err := r.store.Downstreams(ctx)
	if err != nil {
		return err
	}
	return r.Enqueue(ctx, downstreams,
		func(ctx context.Context, after int64) ([]event.Stored, error) {
			return r.store.Events(ctx, after, sound.AuditPage)
		},
		func(ctx context.Context, downstream string, changes []event.Change) (total int, err error) {
			for part := range slices.Chunk(changes, enqueuedAtATime) {
				var count int
				args := append(offer(downstream, part, false), r.store.clock())
				if err := r.tx.QueryRow(ctx, enqueueOffered, args...).Scan(&count); err != nil {
					return total, err
				}
				total += count
			}
			return total, nil
		})
}

// confirm looks at all that was saved, before it is committed.
func (r *repair) confirm(ctx context.Context) error {
	r.store.Check(r.Salvage.Check)
	return r.Confirm(ctx, func(ctx context.Context, a sound.Audit) error {
		look := r.store.auditing(a)
		return a.Run(ctx, isDamage, rowError, look.events, look.changes, look.quarantine, look.outbox)
	})
}
