package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Path is where the API is, on the operator's listener.
const Path = "/api/v1"

// Store is what the API needs of the store.
type Store interface {
	Numbers
	Events
	Quarantine
	Outbox
	Accesses
	Activity
}

// Accesses keeps who looked and who acted.
type Accesses interface {
	RecordAccess(ctx context.Context, a event.Access) (int64, error)
	ConcludeAccess(ctx context.Context, id int64, result event.AccessResult) error
	Accesses(ctx context.Context, filter event.AccessFilter, before int64, limit int) ([]event.Access, error)
}

// Config is what the API is made of.
type Config struct {
	Document []byte                                    // spec/operator.json
	Tokens   func() Tokens                             // those of the file now
	Store    Store                                     //
	Known    []string                                  // the names of the contract's events
	Status   func(ctx context.Context) (Status, error) // of the process and its store
	Remote   func(*http.Request) string                // who asks
	// Redrive feeds an entry back, or says what would become of it.
	Redrive func(ctx context.Context, q event.Quarantined, dryRun bool) (Redriven, error)
	// Replay enqueues again, and returns how many rows became waiting or would.
	Replay func(ctx context.Context, to event.DownstreamStatus, filter ReplayFilter) (int, error)
	Log    *slog.Logger
	Now    func() time.Time // nil means time.Now
}

// API answers the calls. It is safe for concurrent use.
type API struct {
	Config
	known    map[string]bool
	failures *failures
	statuses statuses
}

var _ gen.StrictServerInterface = (*API)(nil)

// New makes the handler of all that lies below Path.
func New(c Config) (http.Handler, error) {
	document, err := openapi3.NewLoader().LoadFromData(c.Document)
	if err != nil {
		return nil, fmt.Errorf("cannot load the document of the operators' API: %w", err)
	}
	if !json.Valid(c.Document) {
		return nil, fmt.Errorf("cannot serve the document of the operators' API: it is not JSON")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &API{Config: c, known: map[string]bool{}, failures: newFailures(rate.Every(failedEvery), failedAtOnce)}
	for _, name := range c.Known {
		a.known[name] = true
	}
	gates, err := a.gates(document)
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.HTTPErrorHandler = a.unrouted
	e.Binder = &echo.DefaultBinder{}
	gen.RegisterHandlersWithOptions(e, gen.NewStrictHandler(a, nil),
		gen.RegisterHandlersOptions{BaseURL: Path, OperationMiddlewares: gates})
	return e, nil
}

// caller is who asks.
type caller struct {
	Holder
	from string
}

type callerKey struct{}

func withCaller(ctx context.Context, c caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller) // no caller is no role
	return c
}

// masked reports whether the caller may see no personal data.
func masked(ctx context.Context) bool { return !callerOf(ctx).Role.May(Reader) }

func (a *API) access(ctx context.Context, action, object, detail string, result event.AccessResult) event.Access {
	c := callerOf(ctx)
	return event.Access{At: a.Now(), Who: c.Name, Role: string(c.Role), From: c.from, Action: action, Object: object,
		Detail: detail, Result: result}
}

// look writes down that the caller is shown personal data. To a viewer none is shown.
func (a *API) look(ctx context.Context, action, object, detail string) error {
	if masked(ctx) {
		return nil
	}
	_, err := a.Store.RecordAccess(ctx, a.access(ctx, action, object, detail, event.AccessShown))
	return err
}

// looked is look at one thing, which was read or is not there.
func (a *API) looked(ctx context.Context, action, object string, read error) error {
	if read != nil && event.KindOf(read) != event.NotFound || masked(ctx) {
		return read
	}
	result := event.AccessShown
	if read != nil {
		result = event.AccessNone
	}
	if _, err := a.Store.RecordAccess(ctx, a.access(ctx, action, object, "", result)); err != nil {
		return err
	}
	return read
}
