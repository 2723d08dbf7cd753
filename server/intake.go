package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/oapi-codegen/runtime"

	gen "numhook/gen/receiver"
	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// The compiler says here which event of the document has no method yet.
var _ gen.StrictServerInterface = (*Server)(nil)

// routes are the generated code's, by the path that the document gives each event, behind serve.
type routes struct{ *echo.Echo }

// newRoutes makes sure that each event of the contract has a route.
func (s *Server) newRoutes() (routes, error) {
	e := echo.New()
	e.Binder = noBinder{}
	e.Pre(s.serve)
	gen.RegisterHandlers(e, gen.NewStrictHandler(s, []gen.StrictMiddlewareFunc{s.settle}))
	paths := make(map[string]bool)
	for _, route := range e.Routes() {
		paths[route.Path] = true
	}
	for _, name := range s.contract.Events() {
		if !paths["/"+name] {
			return routes{}, fmt.Errorf("cannot serve event %s: the generated code has no route for it; run make generate", name)
		}
	}
	return routes{e}, nil
}

// serve sees to it that a delivery gets exactly one answer, or none and the connection cut, and then one log line and
// its place in the metrics. It ends every request: echo routes none by the path that came in.
func (s *Server) serve(echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, w, d := c.Request(), c.Response(), &deliveryState{began: s.now()}
		framing(w.Header(), r)
		err := s.guarded(func() error { return s.intake(w, r, d) })
		cut := event.KindOf(err) == event.BrokenUpload
		if err != nil && !cut && !w.Committed {
			s.answerProblem(w, err, d.verified)
		}
		d.unsent = cut || !sent(w, r)
		s.logDelivery(r, w.Status, d, err)
		if cut {
			panic(http.ErrAbortHandler) // net/http cuts the connection, and says nothing
		}
		return nil
	}
}

// intake is the life of a delivery, from the socket to the answer.
func (s *Server) intake(w http.ResponseWriter, r *http.Request, d *deliveryState) (err error) {
	if d.claim, err = s.open(r, d.began); err != nil {
		return err
	}
	held := share{of: s.buffers}
	defer held.release()
	raw, err := readBody(r.Body, r.ContentLength, s.maxBody, &held)
	if err != nil {
		return err
	}
	d.delivery = arrived(r, raw, s.now())
	secrets, err := verify(s.secrets, d.claim, raw)
	if err != nil {
		return err
	}
	d.verified = true
	s.signed(r.Context())
	s.metrics.offset.Observe(d.claim.Offset.Seconds())
	d.document = contract.Parse(raw)
	if isChallenge(d.document) {
		return s.answerChallenge(w, d, secrets)
	}
	err = s.admit(r.Context(), w, d)
	return s.quarantine(r.Context(), d, err)
}

// open refuses what no delivery can be and what the sender cannot have signed, and everything while the server drains.
// It reads nothing of the body.
func (s *Server) open(r *http.Request, now time.Time) (signature.Claim, error) {
	if r.Method != http.MethodPost {
		return signature.Claim{}, &refusal{kind: event.WrongMethod}
	}
	claim, err := claimOf(r.Header, now, s.tolerance)
	if err == nil && s.draining.Load() {
		err = &refusal{kind: event.Unavailable, reason: "draining"}
	}
	return claim, err
}

// answerChallenge does not wait for the store and does not depend on it: a full disk must not cost the subscription as
// well.
func (s *Server) answerChallenge(w http.ResponseWriter, d *deliveryState, secrets signature.Secrets) error {
	answer, err := challenge(d.document, d.delivery, secrets)
	if err != nil {
		return err
	}
	s.metrics.Challenged(d.delivery.Received)
	d.challenge = true
	s.challenges.keep(d.delivery.Received)
	return writeJSON(w, answer)
}

// admit takes a delivery that is known to be the sender's through validation to the method of its operation, and to the
// store. Where nobody waits for an answer, w is nil.
func (s *Server) admit(ctx context.Context, w http.ResponseWriter, d *deliveryState) (err error) {
	if d.valid, err = validate(ctx, s.contract, s.filters, d.delivery, d.document); err != nil {
		return err
	}
	return s.route(w, d)
}

// route calls the generated code of the operation.
func (s *Server) route(w http.ResponseWriter, d *deliveryState) error {
	request, c := d.valid.request, s.routes.AcquireContext()
	defer s.routes.ReleaseContext(c)
	c.Reset(request, w)
	s.routes.Router().Find(request.Method, request.URL.Path, c)
	return c.Handler()(&routed{Context: c, delivery: d})
}

// routed is echo's context of a delivery that goes through the generated code, which hands it to settle.
type routed struct {
	echo.Context
	delivery *deliveryState
}

// Bind gives the generated code the value that kin-openapi validated, matching member names exactly. It never decodes
// the body a second time: encoding/json matches names without regard to case, and could see another payload than the
// one that was validated.
func (c *routed) Bind(target any) error { return bind(c.delivery.valid, target) }

// noBinder has the generated code call Bind of its context, and binds nothing that was not validated.
type noBinder struct{}

// Bind implements echo.Binder.
func (noBinder) Bind(any, echo.Context) error {
	return errors.New("cannot bind the delivery: it was not validated")
}

// bind fills the generated model.
func bind(v validated, target any) error {
	if err := runtime.BindJSONValue(v.value, target); err != nil {
		// The model is narrower than the contract. That is a mistake of ours, but one that no retry mends: keep the
		// delivery until the code is mended.
		violation := event.Finding{
			Kind: event.Violation, Rule: "bind", Message: "the generated model cannot hold this body",
		}
		return &refusal{kind: event.Invalid, event: v.Operation, violations: []event.Finding{violation}, err: err}
	}
	return nil
}

// settle stands around each method of the strict interface: what the method has read is made durable, and only then is
// there an answer.
func (s *Server) settle(read gen.StrictHandlerFunc, operation string) gen.StrictHandlerFunc {
	return func(c echo.Context, request any) (any, error) {
		response, err := read(c, request)
		if err != nil {
			return nil, err
		}
		said, ok := response.(reading)
		if !ok {
			return nil, fmt.Errorf("cannot receive %s: its method returns %T, not what it has read", operation, response)
		}
		d := c.(*routed).delivery
		e := receive(d.delivery, d.document, d.valid.Verdict, said)
		d.numbers = len(e.Numbers)
		receipt, err := s.append(c.Request().Context(), e, d)
		if err != nil {
			return nil, err
		}
		d.receipt = &receipt
		if d.redrives != 0 || d.found { // nobody waits for an answer
			return nil, nil
		}
		return said.accepted(receipt, d.document.JSON()), nil
	}
}

// append makes the event durable. It is the sender's and it is good: that the sender has hung up meanwhile is no reason
// not to keep it. What bounds the wait is the time that is left to answer in.
func (s *Server) append(ctx context.Context, e event.Event, d *deliveryState) (event.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeLeft(d.began))
	defer cancel()
	if d.redrives != 0 {
		return s.store.Redrive(ctx, d.redrives, e)
	}
	return s.store.Append(ctx, e)
}

// quarantine keeps a signed delivery that is about to be refused. The sender never repeats a delivery that it got a 4xx
// for, so the refusal may only be answered once the delivery is on disk; if it cannot be kept, the answer is the
// store's 503 instead. Every other outcome passes through.
func (s *Server) quarantine(ctx context.Context, d *deliveryState, outcome error) error {
	entry, refused := quarantined(d.delivery, s.contract.EventOf(d.delivery.Path), outcome)
	if refused == nil {
		return outcome
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeLeft(d.began))
	defer cancel()
	id, err := s.store.Quarantine(ctx, entry)
	if err != nil {
		return err
	}
	return refused.keptAs(id)
}

// timeLeft is how much of AnswerTime a delivery has left that began then.
func (s *Server) timeLeft(began time.Time) time.Duration { return AnswerTime - s.now().Sub(began) }

// sent hands the answer to the operating system and reports whether that took all of it. An answer counts only then:
// what is written goes no further than a buffer at first, and net/http would tell nobody what became of it.
func sent(w *echo.Response, r *http.Request) bool {
	if !w.Committed {
		return false
	}
	length := w.Header().Get("Content-Length")
	if r.Method != http.MethodHead && length != strconv.FormatInt(w.Size, 10) {
		return false
	}
	err := http.NewResponseController(w.Writer).Flush()
	return err == nil || errors.Is(err, http.ErrNotSupported)
}
