package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
	"numhook/server/store/commit"
)

// fault is whose fault a failed transaction is.
type fault int

const (
	faultNone    fault = iota
	faultRace          // another transaction was in the way: worth another attempt at once
	faultRefused       // the server cannot now, and the session is well: a full disk, a statement that took too long
	faultOwn           // what was to be written cannot be written by anyone
	faultSession       // the connection, the server, or something that nobody thought of
)

func faultOf(err error) fault {
	if err == nil {
		return faultNone
	}
	if _, ok := errors.AsType[*warningError](err); ok {
		return faultRace
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || e.SeverityUnlocalized != "ERROR" { // FATAL and PANIC end the session
		return faultSession
	}
	switch {
	case class(e) == "40" || e.Code == "55P03": // serialization, deadlock; lock_timeout
		return faultRace
	case class(e) == "53" || e.Code == "57014" || e.Code == "58030": // out of disk or memory; statement_timeout; I/O
		return faultRefused
	case class(e) == "22" || class(e) == "23" || class(e) == "54": // data, constraint, limit
		return faultOwn
	}
	return faultSession
}

// lost reports whether a connection had been made, and then ended under what was asked of it.
func lost(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || err == nil {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC"
	}
	return errors.Is(err, pgconn.ErrConnClosed) || hungUp(err)
}

// hungUp reports whether the other end, or the network, closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, net.ErrClosed)
}

// class is the first two characters of an SQLSTATE.
func class(e *pgconn.PgError) string {
	if len(e.Code) < 2 {
		return ""
	}
	return e.Code[:2]
}

// silent are the classes of error whose messages may quote what was to be written.
var silent = map[string]bool{"": true, "21": true, "22": true, "23": true, "42": true, "44": true, "P0": true}

// storeError is an error of the database's or of the way to it, without what it may quote: no value of a row and no
// password.
type storeError struct {
	text string
	code string // SQLSTATE, or empty
	hint string // where there is no code
}

func (t *storeError) Error() string { return t.text }

// describe makes a trouble of any error that a caller has no need to look into.
func (d dsn) describe(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		t := &storeError{code: e.Code, text: "the database reports SQLSTATE " + e.Code}
		if !silent[class(e)] {
			t.text += ": " + d.hide(e.Message)
		} else if e.ConstraintName != "" {
			t.text += " (constraint " + e.ConstraintName + ")"
		}
		return t
	}
	switch {
	case errors.Is(err, commit.ErrClosed), errors.Is(err, commit.ErrFull), errors.Is(err, commit.ErrSlow),
		errors.Is(err, errAnswer), errors.Is(err, errNoRow):
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return &storeError{text: "nothing listens at the database's address: connection refused",
			hint: "start the database, or mend host and port of --store"}
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded):
		return &storeError{text: "the database does not answer in time"}
	case hungUp(err):
		return &storeError{text: "the connection to the database was lost"}
	}
	if strings.Contains(err.Error(), "server refused TLS connection") { // pgconn has no value for it
		return &storeError{text: "the database speaks no TLS", hint: "turn its ssl on, or write sslmode=disable, which " +
			"sends the password in clear text"}
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return &storeError{text: "the database's host name cannot be resolved: " + e.Err,
			hint: "mend the host in --store, or the name service"}
	}
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok && e.Unwrap() != nil {
		err = e.Unwrap() // without what the URL holds
	}
	return &storeError{text: d.hide(strings.Join(strings.Fields(err.Error()), " "))}
}

// hints say what an operator can do about an SQLSTATE or its class.
var hints = map[string]string{
	"28":    "the user or its password is wrong, or pg_hba.conf does not let it in",
	"3D":    "create the database first: createdb",
	"42704": "the URL names a role or another object that the database does not know",
	"42501": "the user must own the schema numhook, or be allowed to create it: GRANT CREATE ON DATABASE",
	"53100": "the database's disk is full: free some space, and the store goes on by itself",
	"53300": "raise max_connections, or use fewer receivers",
	"25006": "the server has become read-only: it is a replica now, or default_transaction_read_only was set",
	"57P03": "the server is starting up or shutting down: the store goes on by itself",
}

func hintFor(err error) string {
	t, ok := errors.AsType[*storeError](err)
	if !ok {
		return ""
	}
	if len(t.code) < 2 {
		return t.hint
	}
	if hint := hints[t.code]; hint != "" {
		return hint
	}
	return hints[t.code[:2]]
}

// unavailable is what a caller gets for any trouble of the database's. One that says all about itself stays as it is.
func (d dsn) unavailable(verb string, err error) error {
	if e, ok := errors.AsType[*event.Error](err); ok {
		if e.Kind == event.Unavailable {
			return &event.Error{Kind: event.Unavailable, Text: "cannot " + verb, Hint: e.Hint, Err: errors.New(e.Text)}
		}
		return e
	}
	err = d.describe(err)
	return &event.Error{Kind: event.Unavailable, Text: "cannot " + verb, Hint: hintFor(err), Err: err}
}

// openError is a failure to open.
func (d dsn) openError(err error) error {
	if e, ok := errors.AsType[*event.Error](err); ok {
		return e
	}
	return d.unavailable("open store", err)
}
