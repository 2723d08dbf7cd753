package sqlite

import (
	"database/sql"
	"time"
)

// ledger is what the session needs for what is owed. The writer's goroutine owns it.
type ledger struct {
	clock func() time.Time

	registry []*registered // that was read last
	looked   bool          // in this transaction
	due      bool          // this transaction makes something due
	changed  bool          // this transaction writes something

	readRegistry, register, fill, pause, resume, removeOwed, remove *sql.Stmt

	debts    []debt // of this transaction, that are still to be written
	debtArgs []any  // the memory of the statement's arguments

	oweDebts                                         [len(debtSizes)]*sql.Stmt
	told, oweEvent, oweEvents, passStep, passSteps   *sql.Stmt
	findReceived, findOwed, findNewest, renew        *sql.Stmt
	findClaimable, readClaimed, markClaimed, nextDue *sql.Stmt
	record, release                                  *sql.Stmt
	stepBack, moveUp, findState, hasten, skip        *sql.Stmt
}

// begin is the begin of a transaction.
func (l *ledger) begin() { l.looked, l.due, l.changed, l.debts = false, false, false, l.debts[:0] }

// now is the time of what is owed, in microseconds since the epoch.
func (l *ledger) now() int64 { return l.clock().UnixMicro() }

func (l *ledger) statements() map[string]**sql.Stmt {
	all := map[string]**sql.Stmt{
		registry: &l.readRegistry,
		register: &l.register,
		"UPDATE downstreams SET filled = 1 WHERE name = ?":                                      &l.fill,
		"UPDATE downstreams SET paused = coalesce(paused, ?3), paused_why = ?2 WHERE name = ?1": &l.pause,
		"UPDATE downstreams SET paused = NULL, paused_why = '' WHERE name = ?":                  &l.resume,
		removeOwed:                               &l.removeOwed,
		"DELETE FROM downstreams WHERE name = ?": &l.remove,
		oweTold:                                  &l.told,
		oweEvent:                                 &l.oweEvent,
		forMany(oweEvent):                        &l.oweEvents,
		passStep:                                 &l.passStep,
		forMany(passStep):                        &l.passSteps,
		"SELECT seq, received FROM events WHERE event_ts = ? AND id = ?":                                                    &l.findReceived,
		"SELECT id, state, event_ts, seq FROM owed WHERE downstream = ? AND number = ? AND attribute = ? AND slot = ?":      &l.findOwed,
		"SELECT ordered_ts, seq FROM changes WHERE number = ? AND attribute = ? ORDER BY ordered_ts DESC, seq DESC LIMIT 1": &l.findNewest,
		beginAgain:    &l.renew,
		findClaimable: &l.findClaimable,
		readClaimed:   &l.readClaimed,
		markClaimed:   &l.markClaimed,
		nextDue:       &l.nextDue,
		record:        &l.record,
		release:       &l.release,
		stepBack:      &l.stepBack,
		moveUp:        &l.moveUp,
		"SELECT state, slot FROM owed WHERE id = ?":                  &l.findState,
		"UPDATE owed SET due = ?2 WHERE id = ?1":                     &l.hasten,
		"UPDATE owed SET state = 'skipped', behind = 0 WHERE id = ?": &l.skip,
	}
	for i, size := range debtSizes {
		all[oweDebts(size)] = &l.oweDebts[i]
	}
	return all
}
