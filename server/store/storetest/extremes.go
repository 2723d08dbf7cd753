package storetest

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"numhook/server/event"
)

func manyNumbers(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var numbers []string
	for i := range 200 {
		numbers = append(numbers, fmt.Sprintf("+1555%07d", i*7919%1000)) // in no order
	}
	e := address(5, "A", numbers...)
	appendNew(t, s, e)
	for _, number := range numbers {
		wantHistory(t, s, number, change(e, number, event.Current))
	}
	same(t, "numbers", len(contentsOf(t, s).Numbers), 200)
	// One of them changes; the others stay.
	late, one := address(4, "LATE", numbers[:150]...), address(6, "ONE", numbers[0])
	appendNew(t, s, late, one)
	wantHistory(t, s, numbers[0], change(late, numbers[0], event.Superseded), change(e, numbers[0], event.Replaced),
		change(one, numbers[0], event.Current))
	wantHistory(t, s, numbers[149], change(late, numbers[149], event.Superseded), change(e, numbers[149], event.Current))
	wantHistory(t, s, numbers[150], change(e, numbers[150], event.Current))
}

func tenThousandNumbers(t TB, location Location) {
	s := open(t, location)
	const count = 10_000
	numbers := make([]string, count)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("+1555%07d", i)
	}
	e := cnam(5, "ACME", numbers...)
	appendNew(t, s, e)
	s = reopen(t, s, location)
	defer closeStore(t, s)
	all, after := 0, ""
	for {
		list, err := s.Numbers(t.Context(), after, 999)
		if err != nil {
			t.Fatalf("cannot list numbers: %v", err)
		}
		if len(list) == 0 {
			break
		}
		for _, n := range list {
			if !same(t, "number", n, event.Number{Number: numbers[all],
				Values: []event.Change{change(e, numbers[all], event.Current)}}) {
				return
			}
			all++
		}
		after = list[len(list)-1].Number
	}
	same(t, "numbers", all, count)
	stored, err := s.Event(t.Context(), e.ID)
	same(t, "event", stored.Event, copyEvent(e))
	same(t, "error", err, nil)
}

func extremeTimes(t TB, location Location) {
	s := open(t, location)
	m := NewModel()
	for _, ts := range []int64{0, -1, math.MaxInt64, math.MinInt64, 1, math.MaxInt64 - 1, math.MinInt64 + 1, 1 << 53,
		1<<53 + 1, -(1<<53 + 1)} {
		e := cnam(ts, fmt.Sprint(ts), alice)
		e.Delivery.Received = someTime
		e.CarrierCode = math.MaxInt32
		if ts < 0 {
			e.CarrierCode = math.MinInt32
		}
		appendNew(t, s, e)
		m.Append(copyEvent(e))
	}
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantContents(t, s, m.contents())
	wantAsOf(t, s, m, alice)
}

func largeBody(t TB, location Location) {
	s := open(t, location)
	e := address(1, strings.Repeat("\u00e9 street ", 1000), alice)
	e.Delivery.Body = bytes.Repeat([]byte{0, 1, 0xff, '\n', '"', 'x', 0x80, ' '}, 1<<20/8)
	appendNew(t, s, e)
	q := refusal(1)
	q.Delivery.Body = append(bytes.Clone(e.Delivery.Body), '!')
	id, err := s.Quarantine(t.Context(), q)
	if err != nil {
		t.Fatalf("cannot quarantine: %v", err)
	}
	s = reopen(t, s, location)
	defer closeStore(t, s)
	got, err := s.Event(t.Context(), e.ID)
	same(t, "error", err, nil)
	same(t, "the same bytes", bytes.Equal(got.Delivery.Body, e.Delivery.Body), true)
	same(t, "value", string(got.Value), string(e.Value))
	entry, err := s.QuarantineEntry(t.Context(), id)
	same(t, "error", err, nil)
	same(t, "the same bytes", bytes.Equal(entry.Delivery.Body, q.Delivery.Body), true)
}

// strangeTexts are strings that have been lost, cut or confused on their way through one database or another.
var strangeTexts = []string{
	"", " ", "\x00", "a\x00b", "\x00a", "'", `"`, `\`, "%_", "NULL", "null", "0x00", "\u0000\u0001\u001f\u007f", "\u00e9",
	"e\u0301", "\U0001f6a8", "\u202e\u0645",
	"\ufeff", "\ufffd", "\uffff", "\U0010ffff", "I\u0307\u0131", "\r\n\t", "1e3", "+1", "-0", "9223372036854775808",
	strings.Repeat("\U0001f4de", 1000),
}

func allOfUnicode(t TB, location Location) {
	s := open(t, location)
	m := NewModel()
	for i, text := range strangeTexts {
		e := cnam(int64(i), text, append([]string{text}, bob)...)
		e.AccountID, e.Delivery.Header.UserAgent, e.Delivery.Header.RequestID = text, text, text
		e.Drift = []event.Finding{{Kind: event.Drift, Rule: "unknown-member", Pointer: "/" + text, Message: "a member " +
			text}}
		appendNew(t, s, e)
		m.Append(copyEvent(e))
		q := refusal(i)
		q.EventName, q.Delivery.Path = text, "/"+text
		if _, err := s.Quarantine(t.Context(), q); err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		m.Quarantine(copyQuarantined(q))
	}
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantHistory(t, s, "", m.History("")...)
	wantContents(t, s, m.contents())
}

func timesOfReceipt(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	for i, at := range []time.Time{
		someTime.Add(999 * time.Nanosecond), time.Unix(0, 0), time.Unix(0, -1000), time.Date(1, 1, 1, 0, 0, 0, 1000,
			time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2026, 7, 1, 12, 0, 0, 123_456_789, time.FixedZone("somewhere", -7*3600)),
	} {
		e := cnam(int64(i), "A", fmt.Sprint(i))
		e.Delivery.Received = at
		appendNew(t, s, e)
		got, err := s.Event(t.Context(), e.ID)
		same(t, "error", err, nil)
		same(t, "received", got.Delivery.Received, at.UTC().Add(-time.Duration(at.Nanosecond()%1000)))
		wantHistory(t, s, fmt.Sprint(i), change(e, fmt.Sprint(i), event.Current))
		if err := s.RecordChallenge(t.Context(), at); err != nil {
			t.Fatalf("cannot record challenge: %v", err)
		}
		last, err := s.LastChallenge(t.Context())
		same(t, "error", err, nil)
		same(t, "challenge", last, got.Delivery.Received)
	}
}
