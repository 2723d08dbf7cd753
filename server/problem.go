package server

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"numhook/server/event"
)

// refusal is why a delivery ends in something else than 200.
type refusal struct {
	kind       event.Kind
	reason     string // one word more than the kind, for log and metric; a closed list
	event      string // the event name as far as it is known; it may be the sender's free text
	violations []event.Finding
	omitted    int   // findings that were counted and not kept
	quarantine int64 // where the delivery is kept, or 0
	err        error // the cause, for the log of an unexpected failure
}

// Error implements error. It holds nothing from the body.
func (r *refusal) Error() string {
	if r.err != nil {
		return string(r.kind) + ": " + r.err.Error()
	}
	return string(r.kind)
}

// Unwrap makes event.KindOf and errors.As see the kind.
func (r *refusal) Unwrap() []error {
	return []error{&event.Error{Kind: r.kind, Text: string(r.kind)}, r.err}
}

// Violations are what the delivery broke, for those that show it to an operator.
func Violations(err error) []event.Finding {
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.violations
	}
	return nil
}

// answers is the one table from kind to answer.
var answers = map[event.Kind]struct {
	status int
	title  string
	detail string
}{
	event.Unsigned: {http.StatusUnauthorized, "Signature not accepted", "The delivery is not signed with a secret " +
		"of this receiver, or not signed recently."},
	event.BadChallenge: {http.StatusBadRequest, "Challenge not answered", "The token of a challenge must be 1 to 128 of " +
		"the characters A-Z a-z 0-9 _ and -."},
	event.TooLarge: {http.StatusRequestEntityTooLarge, "Body too large", "The body is larger than this " +
		"receiver takes."},
	event.Malformed: {http.StatusBadRequest, "Not strict JSON", "The body is not one JSON value with unique member " +
		"names in valid UTF-8. It was kept."},
	event.Invalid: {http.StatusBadRequest, "Contract broken", "The body does not fit the published document. It " +
		"was kept."},
	event.UnknownEvent: {http.StatusNotFound, "Unknown event", "The published document has no such event. The delivery " +
		"was kept."},
	event.Unavailable: {http.StatusServiceUnavailable, "Not available", "The event could not be made durable now. " +
		"Try again."},
	event.WrongMethod: {http.StatusMethodNotAllowed, "Method not allowed", "Events are delivered with POST."},
	event.Crowded: {
		http.StatusServiceUnavailable, "Not available",
		"There is no room for another large body now. Try again.",
	},
	event.Internal: {http.StatusInternalServerError, "Internal error", "The receiver failed. Try again."},
}

// problem is an RFC 9457 problem document. It never holds a value from the body.
type problem struct {
	Type       string             `json:"type"`
	Title      string             `json:"title"`
	Status     int                `json:"status"`
	Detail     string             `json:"detail"`
	Violations []problemViolation `json:"violations,omitempty"`
	Omitted    int                `json:"violations_omitted,omitempty"`
	Quarantine int64              `json:"quarantine,omitempty"`
}

type problemViolation struct {
	Pointer string `json:"pointer"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// problemOf is the answer to a failure. Show makes a pointer into the body fit to be shown.
func problemOf(err error, show func(pointer string) string) (event.Kind, problem) {
	kind := event.KindOf(err)
	answer, known := answers[kind]
	if !known {
		kind, answer = event.Internal, answers[event.Internal]
	}
	document := problem{
		Type: "urn:numhook:problem:" + string(kind), Title: answer.title, Status: answer.status, Detail: answer.detail,
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		for _, v := range refused.violations {
			shown := problemViolation{Pointer: show(v.Pointer), Rule: v.Rule, Message: v.Message}
			document.Violations = append(document.Violations, shown)
		}
		document.Omitted, document.Quarantine = refused.omitted, refused.quarantine
	}
	return kind, document
}

// answerProblem is the only function that writes an answer other than 200.
func (s *Server) answerProblem(w http.ResponseWriter, failure error, verified bool) {
	kind, document := problemOf(failure, s.known.show)
	body, err := json.Marshal(document)
	if err != nil {
		s.log.Error("cannot write the problem document", slog.String("error", err.Error()))
		body = nil
	}
	switch kind {
	case event.Unavailable, event.Crowded:
		w.Header().Set("Retry-After", strconv.Itoa(RetryAfter))
	case event.WrongMethod:
		w.Header().Set("Allow", http.MethodPost)
	}
	if !verified { // a stranger, as far as anybody knows, and a body of which something may be left
		cutShort(w)
	}
	_ = write(w, document.Status, "application/problem+json", body) // whether it got out, sent finds
}
