package dispatch

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	gen "numhook/gen/downstream"
	"numhook/server/event"
)

// Wrap makes the envelope of an attempt, as spec/downstream.json describes it. Two attempts of one change differ in the
// member attempt alone, as long as no older event comes in between (previous_value) and no newer one (superseded). The
// values are in it byte for byte.
//
// It fails for what no store gives out: a value that is not JSON or not of the attribute's type, an unknown attribute,
// an attempt before the first, a time that RFC 3339 cannot write.
func Wrap(a event.Attempt) (Envelope, error) {
	e, err := envelopeOf(a)
	if err != nil {
		return Envelope{}, fmt.Errorf("cannot wrap the change: %w", err)
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return Envelope{}, fmt.Errorf("cannot wrap the change: %w", withoutContent(err))
	}
	return Envelope{ID: e.Id, Number: a.Number, Body: bytes.TrimSuffix(body.Bytes(), []byte("\n"))}, nil
}

func envelopeOf(a event.Attempt) (gen.Envelope, error) {
	e := gen.Envelope{
		Version: gen.EnvelopeVersionN1, Event: gen.EnvelopeEventNumhookEventReceived,
		Id: ChangeID(a), EventId: a.EventID.String(), EventTs: a.TS, SenderEvent: a.EventName,
		AccountId: a.AccountID, CarrierCode: a.CarrierCode, Received: a.Received.UTC(), Attempt: int64(a.Try),
		Superseded: a.Superseded,
		Value:      a.Value, PreviousValue: a.Previous,
	}
	if a.Try < 1 {
		return e, errors.New("attempts are counted from 1")
	}
	if a.Number != "" {
		e.Number = &a.Number
	}
	changed, opening := gen.EnvelopeEventNumhookEventReceived, byte(0)
	switch a.Attribute {
	case event.CNAM:
		changed, opening = gen.EnvelopeEventNumhookCnamChanged, '"'
	case event.EmergencyAddress:
		changed, opening = gen.EnvelopeEventNumhookEmergencyAddressChanged, '{'
	case "":
	default:
		return e, errors.New("the attribute is not known")
	}
	said := event.IsNull(a.Value) && a.Attribute != "" // null was said, and sets nothing
	other := func(value json.RawMessage) bool { return len(value) > 0 && value[0] != opening }
	if !said && other(a.Value) || other(a.Previous) {
		return e, errors.New("the value is not of the attribute's type")
	}
	if a.Attribute != "" {
		attribute := gen.EnvelopeAttribute(a.Attribute)
		e.Attribute = &attribute
	}
	if len(a.Value) > 0 && !said && a.Number != "" {
		e.Event = changed
	}
	return e, nil
}

// ChangeID is the identity of what an event says about a number. Each part but the first, whose length is fixed, comes
// after its length: no two changes give the same bytes.
func ChangeID(a event.Attempt) string {
	parts := bytes.NewBuffer(append([]byte(nil), a.EventID[:]...))
	for _, part := range []string{string(a.Attribute), a.Number} {
		parts.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		parts.WriteString(part)
	}
	sum := sha256.Sum256(parts.Bytes())
	return "chg_" + hex.EncodeToString(sum[:16])
}

// withoutContent keeps what an encoder's error quotes, which is a part of the value, out of logs.
func withoutContent(err error) error {
	if _, ok := errors.AsType[*json.MarshalerError](err); ok {
		return errors.New("the value is not JSON, or the time cannot be written")
	}
	return err
}
