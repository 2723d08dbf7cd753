package dispatch

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
)

// damagingQueue finds the values of some numbers damaged when they are claimed.
type damagingQueue struct {
	Queue
	numbers string
}

func (q *damagingQueue) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	list, next, err := q.Queue.Claim(ctx, downstream, limit)
	for i := range list {
		if strings.Contains(q.numbers, list[i].Number) {
			list[i].Damaged = "its body is not that of its identity"
		}
	}
	return list, next, err
}

// What does not agree with its identity is never handed on, in either mode: its row is dead, for the reason damaged,
// the counter that the alarm looks at moves, and nothing is held against the downstream, which gets all the rest.
func TestDamagedIsNeverHandedOn(t *testing.T) {
	for _, mode := range []event.Mode{event.Latest, event.Every} {
		t.Run(string(mode), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { damagedIsDead(t, mode) }) })
	}
}

func damagedIsDead(t *testing.T, mode event.Mode) {
	d := &downstream{began: time.Now()}
	metrics, registry := NewMetrics(), prometheus.NewRegistry()
	if err := metrics.Register(registry); err != nil {
		t.Fatal(err)
	}
	h := newHarness(t, Config{})
	queue := &damagingQueue{Queue: h.store, numbers: "2346"}
	cfg := named("carrier", d)
	cfg.Downstream.Mode, cfg.Concurrency = mode, 1
	h.configure(Config{Queue: queue, Statuses: h.store, Metrics: metrics}, cfg)
	for _, number := range []string{"1", "2", "3", "4", "5", "6"} {
		h.enqueue(number, 1, "A")
	}
	h.start()
	h.advance(time.Minute)
	mustEqual(t, "bodies", bodies(d.receipts()), []string{"1=A", "5=A"})
	rows, err := h.store.OutboxRows(t.Context(), event.OutboxFilter{Downstream: "carrier"}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, o := range rows {
		states = append(states, strings.TrimSpace(o.Number+" "+string(o.State)+" "+o.Reason))
	}
	dead := []string{"2 dead damaged", "3 dead damaged", "4 dead damaged", "6 dead damaged"}
	mustEqual(t, "rows that are dead", filtered(states, " dead "), dead)
	mustEqual(t, "series", filtered(series(t, registry), "damaged", "refused", "dead", "breaker", "confirmed"), []string{
		"numhook_attempts_total carrier confirmed 2", "numhook_attempts_total carrier refused 4",
		"numhook_breaker_open carrier 0", "numhook_damaged_total carrier 4", "numhook_owed_dead carrier 4",
	})
	mustEqual(t, "log", h.logLines("attempt", "level", "outcome", "reason"), []string{
		"level=INFO outcome=confirmed", "level=ERROR outcome=refused reason=damaged",
		"level=ERROR outcome=refused reason=damaged", "level=ERROR outcome=refused reason=damaged",
		"level=INFO outcome=confirmed", "level=ERROR outcome=refused reason=damaged"})

	// A row that is whole again is handed on when somebody has it tried again.
	queue.numbers = ""
	for _, o := range rows {
		if o.State == event.Dead {
			if err := h.store.Retry(t.Context(), o.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	h.Wake()
	h.advance(time.Minute)
	mustEqual(t, "bodies at the end", bodies(d.receipts()), []string{"1=A", "5=A", "2=A", "3=A", "4=A", "6=A"})
	h.halt()
}

// filtered are the texts that have one of the words in them.
func filtered(list []string, words ...string) (found []string) {
	for _, text := range list {
		for _, word := range words {
			if strings.Contains(text, word) {
				found = append(found, text)
				break
			}
		}
	}
	return found
}
