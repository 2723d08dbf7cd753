package sqlite

import (
	"database/sql"
	"time"
)

// outboxStatements is what the session needs for the outbox. The writer's goroutine owns it.
type outboxStatements struct {
	clock func() time.Time

	registry []*registered // that was read last
	looked   bool          // in this transaction
	due      bool          // this transaction makes something due
	changed  bool          // this transaction writes something

	readRegistry, register, fill, pause, resume, removeRows, remove *sql.Stmt

	pending     []pendingRow // of this transaction, that are still to be written
	pendingArgs []any        // the memory of the statement's arguments

	enqueuePending                                                       [len(pendingSizes)]*sql.Stmt
	enqueueKnownOne, enqueueEvent, enqueueEventMany, passStep, passSteps *sql.Stmt
	findReceived, findRow, findNewest, renew                             *sql.Stmt
	findClaimable, readClaimed, markClaimed, nextDue                     *sql.Stmt
	record, release                                                      *sql.Stmt
	stepBack, moveUp, findState, hasten, skip                            *sql.Stmt
}

// begin is the begin of a transaction.
func (s *outboxStatements) begin() {
	s.looked, s.due, s.changed, s.pending = false, false, false, s.pending[:0]
}

// now is the outbox's time, in microseconds since the epoch.
func (s *outboxStatements) now() int64 { return s.clock().UnixMicro() }

func (s *outboxStatements) statements() map[string]**sql.Stmt {
	all := map[string]**sql.Stmt{
		registry: &s.readRegistry,
		register: &s.register,
		"UPDATE downstreams SET filled = 1 WHERE name = ?":                                      &s.fill,
		"UPDATE downstreams SET paused = coalesce(paused, ?3), paused_why = ?2 WHERE name = ?1": &s.pause,
		"UPDATE downstreams SET paused = NULL, paused_why = '' WHERE name = ?":                  &s.resume,
		removeRows:                               &s.removeRows,
		"DELETE FROM downstreams WHERE name = ?": &s.remove,
		enqueueKnown:                             &s.enqueueKnownOne,
		enqueueEvent:                             &s.enqueueEvent,
		forMany(enqueueEvent):                    &s.enqueueEventMany,
		passStep:                                 &s.passStep,
		forMany(passStep):                        &s.passSteps,
		"SELECT seq, received FROM events WHERE event_ts = ? " +
			"AND id = ?": &s.findReceived,
		"SELECT id, state, event_ts, seq FROM owed WHERE downstream = ? AND number = ? AND attribute = ? AND " +
			"slot = ?": &s.findRow,
		"SELECT ordered_ts, seq FROM changes WHERE number = ? AND attribute = ? ORDER BY ordered_ts DESC, seq " +
			"DESC LIMIT 1": &s.findNewest,
		beginAgain:    &s.renew,
		findClaimable: &s.findClaimable,
		readClaimed:   &s.readClaimed,
		markClaimed:   &s.markClaimed,
		nextDue:       &s.nextDue,
		record:        &s.record,
		release:       &s.release,
		stepBack:      &s.stepBack,
		moveUp:        &s.moveUp,
		"SELECT state, slot FROM owed WHERE id = ?":                  &s.findState,
		"UPDATE owed SET due = ?2 WHERE id = ?1":                     &s.hasten,
		"UPDATE owed SET state = 'skipped', behind = 0 WHERE id = ?": &s.skip,
	}
	for i, size := range pendingSizes {
		all[enqueuePending(size)] = &s.enqueuePending[i]
	}
	return all
}
