package server

import (
	"context"
	"time"

	"github.com/labstack/echo/v4"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// transit is what one delivery carries with it on its way in. It belongs to the goroutine that serves the delivery.
type transit struct {
	began     time.Time
	delivery  event.Delivery
	share     share              // of the buffers
	claim     signature.Claim    // what its headers say of its signature
	secrets   signature.Secrets  // that it was verified under
	document  *contract.Document // after the parse
	operation string             // the event name by which it is validated and routed, once that is known
	found     contract.Result
	kept      keep
	redrive   int64 // the quarantine entry that it comes from, or 0

	// What the log line says beside the answer.
	receipt  *event.Receipt
	numbers  int
	signedOK bool
	unsent   bool // its answer could not be written
}

// keep makes an event durable: by Append, or by Redrive for a delivery that comes out of quarantine.
type keep func(ctx context.Context, e event.Event) (event.Receipt, error)

const transitKey = "transit"

// passage is the delivery's transit; account puts it there.
func passage(c echo.Context) *transit { return c.Get(transitKey).(*transit) }

// timeLeft is how much of AnswerTime the delivery has left.
func (s *Server) timeLeft(t *transit) time.Duration { return AnswerTime - s.now().Sub(t.began) }

// transitContext carries the transit through the generated code, which hands on a context and nothing else.
type transitContext struct{}

func withTransit(ctx context.Context, t *transit) context.Context {
	return context.WithValue(ctx, transitContext{}, t)
}

func transitOf(ctx context.Context) *transit { return ctx.Value(transitContext{}).(*transit) }
