package postgres

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
)

// TestUpgradeOfOrder: what a store of the third version holds of an event_ts far ahead of its receipt is put right: the
// ordinary value after it is current, is enqueued in mode latest where it was held back, and stands in its place in
// mode every. A receiver of that version, which would go on ordering by the sender's word, can store nothing any more.
func TestUpgradeOfOrder(t *testing.T) {
	t.Parallel()
	url, conn := storeOf(t, 3)
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	const received = 1_770_000_000_000 // milliseconds
	const insertChange = `INSERT INTO numhook.changes (number, attribute, event_ts, seq) VALUES ($1, ` +
		`'emergency_address', $2, $3)`
	stored := func(seq, ts int64, number, value string) {
		t.Helper()
		exec(`INSERT INTO numhook.events (seq, event_ts, received, carrier_code, attribute, id, name, account_id, numbers,
			value, drift, lint, door, header, body)
			VALUES ($1, $2, $3, 7, 'emergency_address', $4, 'name', '', $5, $6, '[]', '[]', '', '{}', '')`, seq, ts,
			(received+seq)*1000,
			fmt.Appendf(nil, "%032d", seq), fmt.Appendf(nil, `["%s"]`, number), []byte(value))
		exec(insertChange, []byte(number), ts, seq)
	}
	outbox := func(downstream, slot, ts, seq int64, number, state string, queued bool) {
		t.Helper()
		exec(`INSERT INTO numhook.owed (downstream, number, attribute, slot, event_ts, seq, state, queued, due, since, tries)
			VALUES ($1, $2, 'emergency_address', $3, $4, $5, $6::text::numhook.owed_state, $7, 5, 5, 3)`, downstream,
			[]byte(number), slot, ts, seq, state, queued)
	}
	for _, d := range []string{ // name, mode, start, events, carriers, countries, prefixes, registered
		`'newest', 'latest', 'now', NULL, NULL, NULL, NULL, 1`,
		`'all', 'every', 'now', NULL, NULL, NULL, NULL, 1`,
		`'us', 'latest', 'now', '{name}', '{7}', '{US}', '{+1,+5,+6}', 1`,
		`'others', 'latest', 'beginning', '{other}', NULL, NULL, NULL, 1`,
		`'prefix', 'latest', 'beginning', NULL, NULL, NULL, '{+2}', 1`,
		fmt.Sprintf(`'late', 'latest', 'now', NULL, NULL, NULL, NULL, %d`, int64(received+50)*1000),
	} {
		exec(`INSERT INTO numhook.downstreams (name, mode, start, events, carrier_codes, countries, prefixes, registered, ` +
			`filled) VALUES (` + d + `, true)`)
	}
	// +1: an ordinary one, an absurd one, two more that were superseded by it, and a late one.
	stored(1, received-9, "+1", `{"country":"US","n":1}`)
	stored(2, math.MaxInt64, "+1", `{"country":"CA","n":2}`)
	stored(3, received+2, "+1", `{"country":"CA","n":3}`)
	stored(4, received+3, "+1", `{"country":"US","n":4}`)
	stored(5, received-20, "+1", `{"country":"US","n":5}`)
	outbox(1, 0, math.MaxInt64, 2, "+1", "delivered", false)
	outbox(3, 0, math.MaxInt64, 2, "+1", "untold", false)
	for i, ts := range []int64{received - 9, math.MaxInt64, received + 2, received + 3, received - 20} {
		state := "waiting"
		if i == 0 {
			state = "delivered"
		}
		outbox(2, int64(i+1), ts, int64(i+1), "+1", state, i == 1 || i == 3)
	}
	// +2: an absurd one and nothing after it; +3: nothing absurd; +4: less than a day ahead.
	stored(6, received+6+24*3600*1000, "+2", `"A"`)
	outbox(1, 0, received+6+24*3600*1000, 6, "+2", "delivered", false)
	stored(7, received, "+3", `"A"`)
	stored(8, received+8+24*3600*1000-1, "+4", `"A"`)
	stored(9, received+9, "+4", `"B"`)
	// +5: an attempt with the absurd value is under way. +6: a value that names another country, and one that this JSON
	// cannot hold.
	stored(60, math.MaxInt64, "+5", `{"country":null}`)
	stored(61, received+61, "+5", `{"country":{"US":1}}`)
	outbox(1, 0, math.MaxInt64, 60, "+5", "attempting", false)
	stored(62, math.MaxInt64, "+6", `{"country":"CA"}`)
	stored(63, received+63, "+6", `{"country":"CA","city":"\u0000"}`)
	outbox(3, 0, math.MaxInt64, 62, "+6", "untold", false)
	if _, err := conn.Prepare(t.Context(), "store", insertChange); err != nil {
		t.Fatal(err)
	}

	at := time.Now()
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = conn.Exec(t.Context(), "store", []byte("+9"), 1, 1)
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42703" || faultOf(err) != faultSession {
		t.Errorf("a receiver of the version before: %v", err)
	}
	for number, want := range map[string][]string{
		"+1": {`-20 {"country":"US","n":5} superseded`, `-9 {"country":"US","n":1} replaced`,
			fmt.Sprintf(`%d {"country":"CA","n":2} replaced`, int64(math.MaxInt64-received)),
			`2 {"country":"CA","n":3} replaced`, `3 {"country":"US","n":4} current`},
		"+2": {`86400006 "A" current`}, "+3": {`0 "A" current`}, "+4": {`9 "B" superseded`, `86400007 "A" current`},
	} {
		list, err := s.History(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range list {
			got = append(got, fmt.Sprintf("%d %s %s", c.TS-received, c.Value, c.State))
		}
		if !slices.Equal(got, want) {
			t.Errorf("history of %s:\n got %q\nwant %q", number, got, want)
		}
	}
	for downstream, want := range map[string][]string{
		"newest": {`+1 {"country":"US","n":4} waiting true`, `+2 "A" delivered false`,
			`+5 {"country":{"US":1}} attempting true`,
			`+6 {"country":"CA","city":"\u0000"} waiting true`},
		"us": {`+1 {"country":"US","n":4} waiting true`, `+5 {"country":{"US":1}} waiting true`,
			`+6 {"country":"CA","city":"\u0000"} waiting true`},
		"others": nil, "prefix": {`+2 "A" waiting true`},
		"late": {`+5 {"country":{"US":1}} waiting true`, `+6 {"country":"CA","city":"\u0000"} waiting true`},
	} {
		list, err := s.OutboxRows(t.Context(), event.OutboxFilter{Downstream: downstream}, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range list {
			began := o.Tries == 0 && (o.State != event.Waiting || o.Due.After(at.Add(-time.Minute)))
			got = append(got, fmt.Sprintf("%s %s %s %v", o.Number, o.Value, o.State, began))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("owed to %s:\n got %q\nwant %q", downstream, got, want)
		}
	}
	for _, want := range []int64{5, 2, 3, 4} {
		attempts, _, err := s.Claim(t.Context(), "all", 5)
		if err != nil || len(attempts) != 1 || attempts[0].Seq != want || attempts[0].Superseded != (want == 5) {
			t.Fatalf("claimed %+v, %v; want %d alone", attempts, err, want)
		}
		a := attempts[0]
		if held, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq,
			Verdict: event.Confirmed}); !held || err != nil {
			t.Fatalf("recorded: %v, %v", held, err)
		}
	}
}
