package main

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// One delivery that was captured, and is sent again to ever other paths while its signature is good, is one entry of
// the quarantine.
func TestReplaysOfOneDelivery(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	body := `{"event":"nobody.knows"}`
	header := signed(testSecret, body)
	const replays = 500
	for i := range replays {
		path := fmt.Sprintf("/%d/%s", i, strings.Repeat("x", i*10))
		got := r.postWith(path, body, header.Clone()).problem(t, http.StatusNotFound, string(event.UnknownEvent))
		if got.Quarantine != 1 {
			t.Fatalf("path %d: entry %d", i, got.Quarantine)
		}
	}
	var list []quarantineShown
	s.read(&list, "quarantine", "list", "--all")
	if len(list) != 1 || list[0].Times != replays || len(list[0].Path) > event.LongestKept {
		t.Errorf("in quarantine: %+v", list)
	}
	samples := r.metrics()
	if samples["numhook_quarantine_entries"] != 1 || samples["numhook_quarantine_bytes"] != float64(len(body)) {
		t.Errorf("metrics: %v entries of %v bytes", samples["numhook_quarantine_entries"],
			samples["numhook_quarantine_bytes"])
	}
}

// An event_ts far ahead of its receipt does not outlive the next ordinary event, however often the receiver is started
// again.
func TestAnAbsurdTimeGivesWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	const number = "+13125550100"
	if got := r.post("/", cnamBody(math.MaxInt64, "ABSURD", number)); got.status != http.StatusOK {
		t.Fatal(got)
	}
	ordinary := time.Now().UnixMilli() + 1
	for _, step := range []struct {
		name, want string
		ts         int64
	}{{"NEXT", "NEXT", ordinary}, {"LATE", "NEXT", ordinary - 60_000}} {
		if got := r.post("/", cnamBody(step.ts, step.name, number)); got.status != http.StatusOK {
			t.Fatal(got)
		}
		r.stop()
		r = s.start()
		var shown struct{ Values []event.Change }
		s.read(&shown, "numbers", "show", number)
		if len(shown.Values) != 1 || string(shown.Values[0].Value) != `"`+step.want+`"` {
			t.Errorf("after %s: %+v", step.name, shown.Values)
		}
	}
}
