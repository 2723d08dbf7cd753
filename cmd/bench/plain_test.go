package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/labstack/echo/v4"
	_ "modernc.org/sqlite" // the driver "sqlite"

	gen "numhook/gen/receiver"
	"numhook/server/signature"
)

// errRefused says that a competitor did not accept a good delivery.
var errRefused = errors.New("a good delivery was not accepted")

// plainEvent is what the plain receiver stores.
type plainEvent struct {
	name      string
	ts        int64
	accountID string
	body      []byte
	numbers   []string
	attribute string
	value     any // nil when there is none
}

// plain is the receiver that people write who take the generated code, kin-openapi's filter as its middleware, and one
// transaction an event. It checks the signature, drops duplicates, and answers only what is durable; it writes no log
// and no metrics, and keeps no quarantine.
type plain struct {
	keep func(context.Context, plainEvent) error
}

func newPlain(document *openapi3.T, keep func(context.Context, plainEvent) error) (http.Handler, error) {
	router, err := legacy.NewRouter(document)
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.Use(requireSignature, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			route, parameters, err := router.FindRoute(r)
			if err != nil {
				return echo.NewHTTPError(http.StatusNotFound, err.Error())
			}
			err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: r,
				PathParams: parameters, Route: route})
			if err != nil {
				return echo.NewHTTPError(http.StatusBadRequest, err.Error())
			}
			return next(c)
		}
	})
	gen.RegisterHandlers(e, gen.NewStrictHandler(&plain{keep}, nil))
	return e, nil
}

// newBare is as little as a receiver can do: the signature, JSON in and out by the generated code, no check of the
// contract and no store.
func newBare() http.Handler {
	e := echo.New()
	e.Use(requireSignature)
	forget := func(context.Context, plainEvent) error { return nil }
	gen.RegisterHandlers(e, gen.NewStrictHandler(&plain{forget}, nil))
	return e
}

type rawBody struct{}

// requireSignature reads the body, and puts it back for those that come after.
func requireSignature(next echo.HandlerFunc) echo.HandlerFunc {
	secrets := signature.Secrets{[]byte(secret)}
	return func(c echo.Context) error {
		r := c.Request()
		body, err := io.ReadAll(http.MaxBytesReader(c.Response(), r.Body, 1<<20))
		if err != nil {
			return echo.NewHTTPError(http.StatusRequestEntityTooLarge)
		}
		err = secrets.Verify(r.Header.Values(signature.HeaderSignature), r.Header.Values(signature.HeaderTimestamp), body,
			time.Now(), signature.DefaultTolerance)
		if err != nil {
			return echo.NewHTTPError(http.StatusUnauthorized)
		}
		r = r.WithContext(context.WithValue(r.Context(), rawBody{}, body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		c.SetRequest(r)
		return next(c)
	}
}

func (p *plain) PeeringNumberCnamUpdated(
	ctx context.Context, request gen.PeeringNumberCnamUpdatedRequestObject,
) (gen.PeeringNumberCnamUpdatedResponseObject, error) {
	body := request.Body
	e := plainEvent{name: body.Event, ts: body.EventTs, accountID: body.Payload.AccountId,
		body:    ctx.Value(rawBody{}).([]byte),
		numbers: body.Payload.Object.PhoneNumbers, attribute: "cnam"}
	if cnam := body.Payload.Object.Cnam; cnam != nil {
		e.value = *cnam
	}
	if err := p.keep(ctx, e); err != nil {
		return nil, err
	}
	return gen.PeeringNumberCnamUpdated200JSONResponse(*body), nil
}

func (p *plain) PeeringNumberEmergencyAddressUpdated(ctx context.Context,
	request gen.PeeringNumberEmergencyAddressUpdatedRequestObject,
) (gen.PeeringNumberEmergencyAddressUpdatedResponseObject, error) {
	body := request.Body
	e := plainEvent{name: body.Event, ts: body.EventTs, accountID: body.Payload.AccountId,
		body:    ctx.Value(rawBody{}).([]byte),
		numbers: body.Payload.Object.PhoneNumbers, attribute: "emergency_address"}
	if address := body.Payload.Object.EmergencyAddress; address != nil {
		text, err := json.Marshal(address)
		if err != nil {
			return nil, err
		}
		e.value = string(text)
	}
	if err := p.keep(ctx, e); err != nil {
		return nil, err
	}
	return gen.PeeringNumberEmergencyAddressUpdated200JSONResponse(*body), nil
}

// plainStore makes every event durable in a transaction of its own.
type plainStore struct {
	db                                      *sql.DB
	insertEvent, insertChange, upsertNumber *sql.Stmt
}

const plainSchema = `
	CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
		event_ts INTEGER NOT NULL,
		account_id TEXT NOT NULL, received INTEGER NOT NULL, body BLOB NOT NULL);
	CREATE TABLE IF NOT EXISTS changes (id INTEGER PRIMARY KEY, event INTEGER NOT NULL REFERENCES events (id),
		number TEXT NOT NULL, attribute TEXT NOT NULL,
		value TEXT NOT NULL, event_ts INTEGER NOT NULL);
	CREATE TABLE IF NOT EXISTS numbers (number TEXT NOT NULL, attribute TEXT NOT NULL, value TEXT NOT NULL,
		event_ts INTEGER NOT NULL, event INTEGER NOT NULL,
		PRIMARY KEY (number, attribute));`

// openPlainStore uses one connection: with more, SQLite's writers would only sleep on each other's lock.
func openPlainStore(ctx context.Context, path string) (*plainStore, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&"+
		"_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &plainStore{db: db}
	if _, err := db.ExecContext(ctx, plainSchema); err != nil {
		return nil, err
	}
	for statement, text := range map[**sql.Stmt]string{
		&s.insertEvent: `INSERT INTO events (digest, name, event_ts, account_id, received, body) VALUES (?, ?, ?, ?, ?, ` +
			`?) ON CONFLICT (digest) DO NOTHING`,
		&s.insertChange: `INSERT INTO changes (event, number, attribute, value, event_ts) VALUES (?, ?, ?, ?, ?)`,
		&s.upsertNumber: `INSERT INTO numbers (number, attribute, value, event_ts, event) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (number, attribute)
			DO UPDATE SET value = excluded.value, event_ts = excluded.event_ts, event = excluded.event
				WHERE excluded.event_ts >= numbers.event_ts`,
	} {
		if *statement, err = db.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *plainStore) keep(ctx context.Context, e plainEvent) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	digest := sha256.Sum256(e.body)
	result, err := tx.StmtContext(ctx, s.insertEvent).ExecContext(ctx, digest[:], e.name, e.ts, e.accountID,
		time.Now().UnixMicro(), e.body)
	if err != nil {
		return err
	}
	if added, err := result.RowsAffected(); err != nil || added == 0 {
		return err
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	insertChange, upsertNumber := tx.StmtContext(ctx, s.insertChange), tx.StmtContext(ctx, s.upsertNumber)
	for _, number := range e.numbers {
		if e.value == nil {
			break
		}
		if _, err := insertChange.ExecContext(ctx, id, number, e.attribute, e.value, e.ts); err != nil {
			return err
		}
		if _, err := upsertNumber.ExecContext(ctx, number, e.attribute, e.value, e.ts, id); err != nil {
			return err
		}
	}
	return tx.Commit()
}
