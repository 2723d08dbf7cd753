// Package event says what the words mean: a delivery, the event it carries, the numbers that the event changes, and the
// kinds of error that a delivery can end in. It guarantees that the rest of the program agrees on these meanings, and
// it needs nothing but the standard library.
package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Attribute is what an event can change about a number. The store uses the same texts (its CHECK constraints use them).
type Attribute string

// The attributes of a number.
const (
	EmergencyAddress Attribute = "emergency_address"
	CNAM             Attribute = "cnam"
)

// ID is the identity of an event: the SHA-256 of the canonical JSON of its body. Two deliveries with equal JSON have
// equal identities, whatever their bytes, timestamps, signatures and tracking ids are.
type ID [sha256.Size]byte

// Identify returns the identity of the event whose canonical JSON is given.
func Identify(canonical []byte) ID { return sha256.Sum256(canonical) }

// String is the identity as 64 lower-case hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText makes the identity a hex string in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (id *ID) UnmarshalText(text []byte) error {
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// ParseID reads 64 hex digits.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("cannot read event id %q: it has %d characters, not %d", s, len(s), hex.EncodedLen(len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("cannot read event id %q: %w", s, err)
	}
	return id, nil
}

// Header is what is kept of a delivery's headers: those that the sender documents, and none that carries a credential
// (clientid, authorization).
type Header struct {
	RequestID   string `json:"x-zm-request-id,omitempty"`        // the same on every retry of one event
	TrackingID  string `json:"x-zm-trackingid,omitempty"`        // differs on every delivery
	Timestamp   string `json:"x-zm-request-timestamp,omitempty"` // seconds since the epoch, when the sender signed
	Signature   string `json:"x-zm-signature,omitempty"`
	ContentType string `json:"content-type,omitempty"`
	UserAgent   string `json:"user-agent,omitempty"`
	Traceparent string `json:"traceparent,omitempty"`
	Origin      Origin `json:"origin,omitzero"` // zero for what the sender posted
}

// Origin is where a delivery was found that was not posted: nothing signed it, and of its headers there is the request
// id alone.
type Origin struct {
	From   string `json:"from"`   // FromSenderLog
	Status int    `json:"status"` // of the answer that the sender saw; -1 for trouble within the sender
}

// FromSenderLog is the sender's log of its deliveries.
const FromSenderLog = "sender-log"

// Delivery is one inbound POST whose signature was found good.
type Delivery struct {
	Received time.Time // when its last body byte was read; UTC, kept to the microsecond
	Path     string    // the path that it was posted to; kept as CutPath
	Header   Header
	Body     []byte // exactly the bytes that were signed
}

// Event is a verified, valid delivery, as the store keeps it.
type Event struct {
	ID          ID
	Name        string // the sender's name for its kind, such as number_management.peering_number_cnam_updated
	TS          int64  // the body's event_ts: milliseconds since the epoch, any int64
	AccountID   string
	CarrierCode int32
	Numbers     []string  // the phone numbers that it speaks of, as sent, each once
	Attribute   Attribute // what it changes about them; empty when it changes nothing
	// the attribute's new value as canonical JSON; nil when the member was absent, which changes nothing
	Value    json.RawMessage
	Drift    []Finding
	Lint     []Finding
	Delivery Delivery
}

// Changes reports whether the event sets a value. An event whose value member is absent changes nothing.
func (e Event) Changes() bool { return e.Value != nil && e.Attribute != "" }

// TooFarAhead is how long after its receipt an event_ts has to lie to be taken for a mistake, such as one of the unit.
const TooFarAhead = 24 * time.Hour

// Ordered is the time of the sender's clock that the event is ordered by, in milliseconds since the epoch.
func (e Event) Ordered() int64 { return Ordered(e.TS, e.Delivery.Received) }

// Ordered is the event_ts, or the time of the receipt when the event_ts lies TooFarAhead of it or more: else one absurd
// event_ts would stay a number's newest for ever. What is shown and handed on is the sender's own value all the same. A
// receipt counts in whole milliseconds, those before the epoch towards it, as the stores' databases divide.
func Ordered(ts int64, received time.Time) int64 {
	receipt := received.UnixMicro() / 1000
	if ts >= receipt+TooFarAhead.Milliseconds() {
		return receipt
	}
	return ts
}

// Receipt is what the store gives back for an event that is durable.
type Receipt struct {
	ID        ID
	Duplicate bool // it had been stored before, and this time nothing was written
}

// State is how a change stands now.
type State string

// The states of a change. A change is stored as current or as superseded; a current one becomes replaced when a newer
// one is applied.
//
//	append, newest so far (Event.Ordered) -> current -> (a newer one is applied) -> replaced
//	append, older than the current one    -> superseded
const (
	Current    State = "current"
	Replaced   State = "replaced"
	Superseded State = "superseded"
)

// Change is what one event says about one number.
type Change struct {
	Number      string          `json:"number"`
	Attribute   Attribute       `json:"attribute"`
	Value       json.RawMessage `json:"value"`
	State       State           `json:"state"`
	TS          int64           `json:"event_ts"`
	EventID     ID              `json:"event_id"`
	EventName   string          `json:"event"`
	AccountID   string          `json:"account_id"`
	CarrierCode int32           `json:"carrier_code"`
	Received    time.Time       `json:"received"`
}

// Number is a phone number with its current values, at most one an attribute, in the order of the attributes' names.
type Number struct {
	Number string   `json:"number"`
	Values []Change `json:"values"`
}

// Stored is an event as it is read back, with its number in the order in which the store took it.
type Stored struct {
	Event
	Seq        int64 // grows with every event stored; not without gaps
	Quarantine int64 // the quarantine entry that it was redriven from, or 0
}

// QuarantineState is how a quarantined delivery stands now.
type QuarantineState string

// The states of a quarantined delivery. One that was discarded and comes again is held again: its sender says it again,
// and that is for somebody to look at.
//
//	held, discarded -> (a redrive finds that it fits the contract) -> redriven
//	held -> (an operator needs it no more) -> discarded -> (it comes again) -> held
const (
	Held      QuarantineState = "held"
	Redriven  QuarantineState = "redriven"
	Discarded QuarantineState = "discarded"
)

// Quarantined is a signed delivery that was refused, and kept.
type Quarantined struct {
	ID         int64
	Reason     Kind   // Malformed, Invalid or UnknownEvent
	EventName  string // as far as it could be read, or empty; kept as CutText
	Violations []Finding
	Delivery   Delivery // the first time it came
	// PathEvent is the event of the contract that the path names, or empty. The same bytes are one entry for each
	// PathEvent, whatever paths they came to: a path is not signed, so anybody who has captured a delivery can send it to
	// any path.
	PathEvent  string
	Times      int // how often it came
	State      QuarantineState
	RedrivenAs ID // the event that it became; zero unless it is redriven
}

// FindingKind tells what a finding is about.
type FindingKind string

// The kinds of finding.
const (
	Violation FindingKind = "violation" // breaks the contract
	Drift     FindingKind = "drift"     // a member that the contract does not know
	Lint      FindingKind = "lint"      // a doubt that the contract does not share
)

// Finding is one thing that the contract check found in a body. Its message never quotes a value of the body.
type Finding struct {
	Kind    FindingKind `json:"kind"`
	Rule    string      `json:"rule"`             // stable id, such as required or number-not-e164
	Pointer string      `json:"pointer"`          // RFC 6901, into the body; its member names are the sender's
	Message string      `json:"message"`          // one sentence, without a value from the body
	Line    int         `json:"line,omitempty"`   // 1-based line in the body
	Column  int         `json:"column,omitempty"` // 1-based column in UTF-16 code units
	Spec    string      `json:"spec,omitempty"`   // RFC 6901, into the document: the keyword that asks for it
	Offset  int         `json:"-"`                // byte offset in the body
}

// Kind is the way in which a delivery can fail. It is a closed list; the server has one table from kind to answer.
type Kind string

// The kinds of failure.
const (
	Unsigned     Kind = "unsigned"      // signature missing, malformed, stale or wrong
	BadChallenge Kind = "bad_challenge" // a challenge whose token must not be signed
	TooLarge     Kind = "too_large"
	Malformed    Kind = "malformed"     // signed, but not one strict JSON value
	Invalid      Kind = "invalid"       // signed JSON that breaks the contract
	UnknownEvent Kind = "unknown_event" // signed JSON of an event that is not in the contract
	Unavailable  Kind = "unavailable"   // our trouble, and passing: the sender is to try again
	NotFound     Kind = "not_found"
	Damaged      Kind = "damaged"       // it is kept, and it is not what was stored
	WrongMethod  Kind = "wrong_method"  // not a POST
	BrokenUpload Kind = "broken_upload" // the body broke off or did not come; nobody is left to answer
	Crowded      Kind = "crowded"       // no slot for a large body now: the sender is to try again
	Internal     Kind = "internal"      // what nobody thought of; shown without detail
)

// Error is a failure of a known kind.
type Error struct {
	Kind Kind
	Text string // "cannot <verb> <object>"
	Hint string // what to do next, for an operator; may be empty
	Err  error  // the cause; may be nil
}

// Error is the text and the cause, on one line.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first Error in err's chain, or Internal for an error of no known kind.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
