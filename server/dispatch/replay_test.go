package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
	"numhook/server/store/storetest"
)

// past is a store with something in it: two values of number 1, one of 2, an address of 1, one of the number that is
// empty, an event without numbers, one without a value, and a late one.
func past(t *testing.T) *storetest.Fake {
	t.Helper()
	s := storetest.NewFake(t)
	address := cnam(4, "", "1")
	address.Name, address.Attribute, address.Value = "number_management.peering_number_emergency_address_updated",
		event.EmergencyAddress, []byte(`{"city":"B"}`)
	nameless := cnam(6, "")
	nameless.Name, nameless.Attribute, nameless.Numbers = "number_management.other", "", nil
	for i, e := range []event.Event{
		cnam(1, "A", "1", "2"), cnam(3, "C", "1"), cnam(2, "late", "1"), address, cnam(5, "E", ""), nameless,
		cnam(7, "", "2"),
	} {
		e.Delivery.Received = epoch.Add(time.Duration(i) * time.Hour)
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// enqueuedFor is what is waiting for the downstream: number, attribute's first letter, event_ts.
func enqueuedFor(t *testing.T, s *storetest.Fake, name string) []string {
	t.Helper()
	rows, err := s.OutboxRows(t.Context(), event.OutboxFilter{Downstream: name, State: event.Waiting}, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, row := range rows {
		list = append(list, fmt.Sprintf("%s/%.1s/%d", row.Number, row.Attribute, row.TS))
	}
	slices.Sort(list)
	return list
}

var fillings = []struct {
	mode  event.Mode
	start event.Start
	want  []string
}{
	{event.Latest, event.FromNow, nil},
	{event.Latest, event.FromBeginning, []string{"/c/5", "1/c/3", "1/e/4", "2/c/1"}},
	{event.Latest, event.FromSnapshot, []string{"/c/5", "1/c/3", "1/e/4", "2/c/1"}},
	{event.Every, event.FromNow, nil},
	{event.Every, event.FromBeginning, []string{"//6", "/c/5", "1/c/1", "1/c/2", "1/c/3", "1/e/4", "2/c/1", "2/c/7"}},
	{event.Every, event.FromSnapshot, []string{"/c/5", "1/c/3", "1/e/4", "2/c/1"}},
}

func TestFill(t *testing.T) {
	s := past(t)
	for _, c := range fillings {
		name := string(c.mode) + " " + string(c.start)
		status, err := s.Register(t.Context(), event.Downstream{Name: name, Mode: c.mode, Start: c.start})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // what is in the outbox already is not enqueued twice
			if err := Fill(t.Context(), s, s, status); err != nil {
				t.Fatal(err)
			}
			mustEqual(t, name, enqueuedFor(t, s, name), c.want)
		}
		if status, err = s.Register(t.Context(), event.Downstream{Name: name, Mode: c.mode, Start: c.start}); err != nil ||
			!status.Filled {
			t.Errorf("%s is not filled: %v", name, err)
		}
	}
}

// More than one page of everything, and an event with more numbers than a page has rows.
func TestFillPages(t *testing.T) {
	s := storetest.NewFake(t)
	var numbers []string
	for i := range 2*page + 1 {
		numbers = append(numbers, fmt.Sprintf("+%04d", i))
	}
	for _, e := range []event.Event{cnam(1, "A", numbers...), cnam(2, "B", numbers[:page]...)} {
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range page + 1 {
		if _, err := s.Append(t.Context(), cnam(int64(i), "C", "x")); err != nil {
			t.Fatal(err)
		}
	}
	for mode, want := range map[event.Mode]int{event.Latest: 2*page + 2, event.Every: 2*page + 1 + page + page + 1} {
		status, err := s.Register(t.Context(), event.Downstream{Name: string(mode), Mode: mode, Start: event.FromBeginning})
		if err != nil {
			t.Fatal(err)
		}
		if err := Fill(t.Context(), s, s, status); err != nil {
			t.Fatal(err)
		}
		if got := len(enqueuedFor(t, s, string(mode))); got != want {
			t.Errorf("%s: %d rows, want %d", mode, got, want)
		}
	}
}

func TestReplay(t *testing.T) {
	for _, mode := range []event.Mode{event.Latest, event.Every} {
		s := past(t)
		status, err := s.Register(t.Context(), event.Downstream{Name: "d", Mode: mode, Start: event.FromBeginning})
		if err != nil {
			t.Fatal(err)
		}
		if err := Fill(t.Context(), s, s, status); err != nil {
			t.Fatal(err)
		}
		deliverAll := func() {
			for {
				attempts, _, err := s.Claim(t.Context(), "d", 100)
				if err != nil {
					t.Fatal(err)
				}
				if len(attempts) == 0 {
					return
				}
				for _, a := range attempts {
					if held, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq,
						Verdict: event.Confirmed}); !held || err != nil {
						t.Fatal(held, err)
					}
				}
			}
		}
		deliverAll()
		hour := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Hour) }
		for _, c := range []struct {
			filter ReplayFilter
			want   map[event.Mode][]string
		}{
			{ReplayFilter{}, map[event.Mode][]string{
				event.Latest: {"/c/5", "1/c/3", "1/e/4", "2/c/1"}, event.Every: {"//6", "/c/5", "1/c/1", "1/c/2", "1/c/3", "1/e/4",
					"2/c/1", "2/c/7"},
			}},
			{ReplayFilter{Number: "1"}, map[event.Mode][]string{event.Latest: {"1/c/3", "1/e/4"},
				event.Every: {"1/c/1", "1/c/2", "1/c/3", "1/e/4"}}},
			{ReplayFilter{Event: "number_management.peering_number_emergency_address_updated"},
				map[event.Mode][]string{event.Latest: {"1/e/4"}, event.Every: {"1/e/4"}}},
			{ReplayFilter{Since: hour(1), Until: hour(3)}, map[event.Mode][]string{event.Latest: {"1/c/3"},
				event.Every: {"1/c/2", "1/c/3"}}},
			{ReplayFilter{Since: hour(4)}, map[event.Mode][]string{event.Latest: {"/c/5"},
				event.Every: {"//6", "/c/5", "2/c/7"}}},
		} {
			dry := c.filter
			dry.DryRun = true
			if n, err := Replay(t.Context(), s, s, status, dry); n != len(c.want[mode]) || err != nil ||
				enqueuedFor(t, s, "d") != nil {
				t.Errorf("%s %+v: a dry run counts %d: %v", mode, c.filter, n, err)
			}
			if n, err := Replay(t.Context(), s, s, status, c.filter); n != len(c.want[mode]) || err != nil {
				t.Errorf("%s %+v: %d rows, %v", mode, c.filter, n, err)
			}
			mustEqual(t, fmt.Sprintf("%s %+v", mode, c.filter), enqueuedFor(t, s, "d"), c.want[mode])
			if n, err := Replay(t.Context(), s, s, status, c.filter); n != 0 || err != nil {
				t.Errorf("%s %+v: what waits is owed %d times again: %v", mode, c.filter, n, err)
			}
			deliverAll()
		}
		_, err = Replay(t.Context(), s, s, status, ReplayFilter{Number: "nobody"})
		if want := mode == event.Latest; (event.KindOf(err) == event.NotFound && err != nil) != want {
			t.Errorf("%s, unknown number: %v", mode, err)
		}
	}
}

// A new downstream is filled when the way out begins to run, after trouble again, and in mode every gets what was
// before it comes what is.
func TestRunFills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		values, events := &downstream{began: began}, &downstream{began: began}
		h := &harness{t: t, store: storetest.NewFake(t), log: new(lockedLog), ended: make(chan error, 1)}
		h.enqueue("1", 5, "A")
		h.enqueue("1", 6, "B")
		latest, every := named("latest", values), named("every", events)
		latest.Downstream.Start, every.Downstream.Start = event.FromSnapshot, event.FromBeginning
		every.Downstream.Mode = event.Every
		h.configure(Config{Statuses: h.store, Source: h.store, Enqueuer: h.store}, latest, every)
		h.store.SetWake(h.Wake)
		h.enqueue("1", 7, "C") // enqueued from the start on
		h.store.Break(errors.New("the disk is full"))
		h.start()
		h.advance(time.Minute)
		mustEqual(t, "while the store is in trouble", append(bodies(values.receipts()), bodies(events.receipts())...), nil)
		h.store.Break(nil)
		h.advance(6 * time.Second)
		mustEqual(t, "values", bodies(values.receipts()), []string{"1=C"})
		mustEqual(t, "events", bodies(events.receipts()), []string{"1=A", "1=B", "1=C"})
		mustEqual(t, "log of the latest", slices.DeleteFunc(h.logLines("fill", "downstream", "outcome"),
			func(line string) bool { return line[:len("downstream=every")] == "downstream=every" }),
			[]string{"downstream=latest outcome=failed", "downstream=latest outcome=filled",
				"downstream=latest outcome=recovered"})
		h.halt()
	})
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(_ context.Context, nth int) Outcome {
			return []Outcome{failing, refused, confirmed, {Verdict: event.Retry, Pause: true, Reason: "gone"}}[nth-1]
		}}
		metrics := NewMetrics()
		registry := prometheus.NewRegistry()
		if err := metrics.Register(registry); err != nil {
			t.Fatal(err)
		}
		h := newHarness(t, Config{})
		cfg := named("carrier", d)
		cfg.Concurrency = 1
		h.configure(Config{Statuses: h.store, Metrics: metrics}, cfg)
		for _, number := range []string{"1", "2", "3"} {
			h.enqueue(number, 1, "A")
		}
		h.start()
		h.advance(10 * time.Second)
		h.halt()
		mustEqual(t, "series", series(t, registry), []string{
			"numhook_attempt_seconds carrier 4", "numhook_attempts_total carrier confirmed 1",
			"numhook_attempts_total carrier paused 1",
			"numhook_attempts_total carrier refused 1", "numhook_attempts_total carrier retry 1",
			"numhook_breaker_open carrier 0",
			"numhook_damaged_total carrier 0",
			"numhook_downstream_paused carrier 1", "numhook_handover_seconds carrier 1", "numhook_owed carrier 1",
			"numhook_owed_dead carrier 1",
			"numhook_owed_oldest_seconds carrier 10",
		})
		metrics.showStatuses(nil, nil)
		if left := series(t, registry); len(left) != 12-4 {
			t.Errorf("of a downstream that is gone: %v", left)
		}
	})
}

// series are the registry's series: name, labels, and value or count.
func series(t *testing.T, registry *prometheus.Registry) (list []string) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			text := family.GetName()
			for _, label := range m.GetLabel() {
				text += " " + label.GetValue()
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			list = append(list, fmt.Sprint(text, " ", value))
		}
	}
	slices.Sort(list)
	return list
}
