package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"numhook/server/event"
)

// guarded turns a panic into an error. The panic's value may quote the body, so only its type and the stack are logged.
func (s *Server) guarded(serve func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if !s.strangers.Allow("panic") {
				err = &refusal{kind: event.Internal, reason: "panic"}
				return
			}
			s.log.Error("panic while serving a delivery",
				slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			err = &refusal{kind: event.Internal, reason: "panic"}
		}
	}()
	return serve()
}

// outcome is the delivery's end in two words of closed lists: the kind (accepted, duplicate, challenge, or the kind of
// failure) and the reason.
func outcome(d *deliveryState, err error) (kind, reason string) {
	refused, ok := err.(*refusal) //nolint:errorlint // the refusal itself is wanted, not one that something else wraps
	switch {
	case ok:
		kind, reason = string(refused.kind), refused.reason
	case d.receipt != nil && d.receipt.Duplicate:
		kind = "duplicate"
	case d.receipt != nil:
		kind = "accepted"
	case d.challenge:
		kind = "challenge"
	default:
		kind = string(event.KindOf(err))
	}
	if d.unsent && reason == "" {
		reason = "unsent"
	}
	return kind, reason
}

// noEvent stands in log and metric for the event of a delivery that names none of the document's.
const noEvent = "unknown"

// unsentStatus stands in log and metric for the answer that nobody got.
const unsentStatus = 0

// logDelivery writes the delivery's one log line and counts it. Neither holds anything of the body but counts, the
// event's identity and names that the document knows. Status is what was written.
func (s *Server) logDelivery(r *http.Request, status int, d *deliveryState, err error) {
	took := s.now().Sub(d.began)
	kind, reason := outcome(d, err)
	if d.unsent {
		status = unsentStatus
	}
	name := s.knownEvent(d)
	s.metrics.delivered(status, kind, reason, name, d.valid.Result, took)
	level := levelOf(status, kind)
	// Whoever can reach the port can cause a line about a delivery that is not verified.
	if !d.verified && !s.strangers.Allow(strings.Trim(kind+"_"+reason, "_")) {
		return
	}
	ctx := r.Context()
	if !s.log.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, 20)
	attributes = append(attributes,
		slog.Int("answer", status),
		slog.String("kind", kind),
		slog.String("event", name),
		slog.String("door", s.knownPath(pathOf(r))),
		slog.Int("bytes", len(d.delivery.Body)),
		slog.Float64("took_ms", float64(took.Microseconds())/float64(time.Millisecond/time.Microsecond)),
		slog.String("remote", s.remote(r)))
	if reason != "" {
		attributes = append(attributes, slog.String("reason", reason))
	}
	if reason == "stale" {
		attributes = append(attributes, slog.Int64("offset_s", int64(d.claim.Offset.Round(time.Second)/time.Second)))
	}
	if d.verified { // an unsigned request's headers are anybody's text
		attributes = append(attributes, slog.String("request_id", loggable(d.delivery.Header.RequestID)),
			slog.String("tracking_id", loggable(d.delivery.Header.TrackingID)))
	}
	if d.receipt != nil {
		attributes = append(attributes, slog.String("event_id", d.receipt.ID.String()), slog.Int("numbers", d.numbers))
	}
	if n := len(d.valid.Drift); n > 0 {
		attributes = append(attributes, slog.Int("drift", n))
	}
	if n := len(d.valid.Lint); n > 0 {
		attributes = append(attributes, slog.Int("lint", n))
	}
	attributes = append(attributes, failure(err)...)
	s.log.LogAttrs(ctx, level, "delivery", attributes...)
}

// failure is what the log says of an error: where the delivery was kept, and the cause of trouble of our own. A cause
// may only be shown where it comes from the store, whose errors speak of files and settings; a cause of another kind
// may quote the body.
func failure(err error) []slog.Attr {
	if err == nil {
		return nil
	}
	if refused, ok := err.(*refusal); ok { //nolint:errorlint // as in outcome
		attributes := []slog.Attr{}
		if refused.quarantine != 0 {
			attributes = append(attributes,
				slog.Int64("quarantine", refused.quarantine),
				slog.Int("violations", len(refused.violations)+refused.omitted))
		}
		return attributes
	}
	if event.KindOf(err) == event.Unavailable {
		return []slog.Attr{slog.String("error", err.Error())}
	}
	return []slog.Attr{slog.String("error", fmt.Sprintf("%T", err))}
}

// knownEvent is the event's name if the contract has it; the sender's free text is not for labels and logs.
func (s *Server) knownEvent(d *deliveryState) string {
	switch name := d.valid.Operation; {
	case d.challenge:
		return challengeEvent
	case s.contract.Has(name):
		return name
	}
	return noEvent
}

// knownPath is the path if the contract has it, and the path of the event that it names where it has more: a word of a
// closed list.
func (s *Server) knownPath(path string) string {
	switch name := s.contract.EventOf(path); {
	case name != "":
		return "/" + name
	case path == "/":
		return path
	}
	return "other"
}

// levelOf is the line's level: an error is what an operator is to look at now, and nothing that a stranger can cause at
// will.
func levelOf(status int, kind string) slog.Level {
	switch {
	case kind == string(event.Crowded):
		return slog.LevelWarn
	case status >= http.StatusInternalServerError:
		return slog.LevelError
	case status >= http.StatusBadRequest, status == unsentStatus:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// loggable is a header of the sender's that is an identifier, cut to what an identifier needs; anything else is left
// out.
func loggable(id string) string {
	const longest = 128
	if len(id) > longest {
		return ""
	}
	for i := range len(id) {
		c := id[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("-_.:", rune(c)) {
			return ""
		}
	}
	return id
}
