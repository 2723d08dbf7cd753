package postgres

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/postgres/postgrestest"
)

func sample(i int) event.Event {
	body := fmt.Sprintf(`{"event":"number_management.peering_number_cnam_updated","event_ts":%d,"payload":{}}`, i)
	return event.Event{ID: sha256.Sum256([]byte(body)), Name: "number_management.peering_number_cnam_updated", TS: int64(i), AccountID: "a", CarrierCode: 3457,
		Numbers: []string{fmt.Sprintf("+1555%07d", i%1000)}, Attribute: event.CNAM, Value: []byte(`"ACME"`),
		Delivery: event.Delivery{Received: time.Now(), Door: "/", Body: []byte(body)}}
}

func TestFirst(t *testing.T) {
	ctx := t.Context()
	path := postgrestest.New(t)
	s, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		r, err := s.Append(ctx, sample(i))
		fmt.Println(r, err)
	}
	r, err := s.Append(ctx, sample(3))
	fmt.Println(r, err)
	fmt.Println(s.Numbers(ctx, "", 3))
	fmt.Println(s.Number(ctx, "+15550000003"))
	fmt.Println(s.NumberAsOf(ctx, "+15550000003", 3))
	fmt.Println(s.NumberAsOf(ctx, "+15550000003", 2))
	fmt.Println(s.History(ctx, "+15550000003"))
	fmt.Println(s.Events(ctx, 8, 100))
	fmt.Println(s.Event(ctx, sample(5).ID))
	fmt.Println(s.EventsByPrefix(ctx, sample(5).ID.String()[:3], 5))
	fmt.Println(s.Quarantine(ctx, event.Quarantined{Reason: event.Malformed}))
	fmt.Println(s.Quarantine(ctx, event.Quarantined{Reason: event.Malformed}))
	fmt.Println(s.Redrive(ctx, 1, sample(11)))
	fmt.Println(s.Redrive(ctx, 1, sample(12)))
	fmt.Println(s.Redrive(ctx, 2, sample(12)))
	fmt.Println(s.QuarantineEntry(ctx, 1))
	fmt.Println(s.Ready(ctx), s.RecordChallenge(ctx, time.Now()))
	fmt.Println(s.LastChallenge(ctx))
	fmt.Println(s.Close())
	start := time.Now()
	s, err = Open(ctx, path, Options{})
	fmt.Println(time.Since(start), err)
	start = time.Now()
	rd, err := OpenReader(ctx, path)
	fmt.Println(time.Since(start), err)
	op, err := OpenOperator(ctx, path)
	fmt.Println(op.Append(ctx, sample(77)))
	fmt.Println(rd.Event(ctx, sample(77).ID))
	fmt.Println(op.Close(), rd.Close())
	_, err = OpenReader(t.Context(), postgrestest.New(t))
	fmt.Println(err)
	fmt.Println(s.Close())
}
