package postgres

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestUpgradeOfQuarantine: what the third version kept of one delivery at many paths becomes one entry, and nothing
// else changes.
func TestUpgradeOfQuarantine(t *testing.T) {
	t.Parallel()
	url, conn := storeOf(t, 3)
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), statement, args...); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	const cnam = "number_management.peering_number_cnam_updated"
	entry := func(id int64, path string, digest byte, name string, times int64, state string, as any) {
		t.Helper()
		exec(`INSERT INTO numhook.quarantine (id, door, digest, reason, event_name, violations, times, state, redriven_as,
			received, header, body)
			OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, 'unknown_event', $4, '[]', $5, $6::text::numhook.quarantine_state, $7,
				$1, '{}', $8)`,
			id, []byte(path), bytes.Repeat([]byte{digest}, 32), []byte(name), times, state, as, []byte{byte(id)})
	}
	for seq, quarantine := range map[int64]int64{1: 5, 2: 8} {
		exec(`INSERT INTO numhook.events (seq, event_ts, received, quarantine, carrier_code, id, name, account_id, numbers,
			drift, lint, door, header, body)
			VALUES ($1, $1, 1, $2, 7, $3, 'name', '', '[]', '[]', '[]', '/', '{}', '{}')`, seq, quarantine,
			fmt.Appendf(nil, "%032d", seq))
	}
	exec(`SELECT setval('numhook.event_places', 2)`)
	exec(`SELECT setval('numhook.quarantine_id_seq', 11)`)
	long := "/" + strings.Repeat("x\xff", 150)
	entry(1, "/a", 'a', "name", 2, "held", nil)
	entry(2, "/", 'a', "name", 3, "held", nil)
	entry(3, "/prefix/"+cnam+"/", 'a', "name", 4, "held", nil)
	entry(4, "/"+cnam, 'a', "name", 5, "held", nil)
	entry(5, "/b", 'b', "name", 1, "redriven", int64(1))
	entry(6, "/a", 'b', "name", 1, "held", nil)
	entry(7, "/a", 'c', "name", 1, "held", nil)
	entry(8, "/b", 'c', "name", 1, "redriven", int64(2))
	entry(9, "/c", 'c', "name", 1, "redriven", int64(2))
	entry(10, long, 'd', long, 1, "held", nil)
	entry(11, "/x"+cnam, 'd', "name", 1, "held", nil)

	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Quarantines(t.Context(), "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range list {
		whole, err := s.QuarantineEntry(t.Context(), q.ID)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %q %q %d %s %x", q.ID, q.Delivery.Path, q.PathEvent, q.EventName, q.Times,
			q.State, whole.Delivery.Body))
	}
	want := []string{
		`1 /a "" "name" 5 held 01`, `3 /prefix/` + cnam + `/ "` + cnam + `" "name" 9 held 03`, `5 /b "" "name" 2 redriven 05`,
		`8 /b "" "name" 3 redriven 08`,
		`10 / "" "" 2 held 0a`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("entries:\n got %q\nwant %q", got, want)
	}
	if entries, bytes, err := s.QuarantineHeld(t.Context()); entries != 3 || bytes != 3 || err != nil {
		t.Errorf("held: %d entries of %d bytes (%v)", entries, bytes, err)
	}
	events, err := s.Events(t.Context(), 0, 10)
	if err != nil || len(events) != 2 || events[0].Quarantine != 5 || events[1].Quarantine != 8 {
		t.Errorf("events: %+v (%v)", events, err)
	}
}
