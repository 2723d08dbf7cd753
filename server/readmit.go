package server

import (
	"bytes"
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"numhook/server/contract"
	"numhook/server/event"
)

// readmission carries a delivery out of quarantine into the way in, where it takes every step but those that it took when it came: its signature was
// good then, and is too old to be good now.
type readmission struct {
	quarantined event.Quarantined
	keep        keep
	receipt     *event.Receipt
	failed      error
}

type readmissionContext struct{}

// Fits says whether a quarantined delivery would be accepted now; the error holds the reasons if it would not.
func (s *Server) Fits(q event.Quarantined) error {
	verdict, err := s.judge(q.Delivery, contract.Parse(q.Delivery.Body))
	if err == nil {
		_, err = s.filter(context.Background(), verdict.Operation, q.Delivery.Body)
	}
	return err
}

// Readmit feeds a quarantined delivery back, as if it had just come: on success its event is applied, in its place by event_ts, and the entry is marked,
// in one transaction. Otherwise the entry stays as it is, and the error says why.
func (s *Server) Readmit(ctx context.Context, q event.Quarantined) (event.Receipt, error) {
	again := &readmission{quarantined: q}
	again.keep = func(ctx context.Context, e event.Event) (event.Receipt, error) { return s.keeper.Redrive(ctx, q.ID, e) }
	request, err := http.NewRequestWithContext(context.WithValue(ctx, readmissionContext{}, again), http.MethodPost, "/", http.NoBody)
	if err != nil {
		return event.Receipt{}, err
	}
	s.echo.ServeHTTP(&discard{header: make(http.Header)}, request)
	if again.failed != nil || again.receipt == nil {
		return event.Receipt{}, again.failed
	}
	return *again.receipt, nil
}

// readmitted fills the transit of a delivery that comes out of quarantine, and reports whether it is one.
func readmitted(c echo.Context) bool {
	again, ok := c.Request().Context().Value(readmissionContext{}).(*readmission)
	if !ok {
		return false
	}
	t := passage(c)
	t.delivery = again.quarantined.Delivery
	t.document = contract.Parse(t.delivery.Body)
	t.kept = again.keep
	t.redrive = again.quarantined.ID
	return true
}

// discard is where the answer to a readmitted delivery goes: nobody waits for it.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return bytes.NewBuffer(nil).Write(p) }
func (d *discard) WriteHeader(int)             {}
