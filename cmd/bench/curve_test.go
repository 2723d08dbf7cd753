package bench

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"numhook/server/store/postgres/postgrestest"
)

// storedRow is the row of a store that holds so many events before it is measured.
func storedRow(engine string, events int64) string {
	return fmt.Sprintf("%s, %d events stored", engine, events)
}

// curveOfSQLite measures appends to files that hold more and more events.
func (b *bench) curveOfSQLite(t *testing.T) {
	b.curve(t, "sqlite", func() (string, func()) {
		return "sqlite:" + filepath.Join(b.folder(t), ownDatabase), func() {}
	})
}

// curveOfPostgres does the same with databases. What the server still has to do for the bulk that was written is done
// before the measurement, as it will have been where the events came over months.
func (b *bench) curveOfPostgres(t *testing.T) {
	b.curve(t, "postgres", func() (string, func()) {
		url := b.database(t)
		return url, func() {
			for _, statement := range []string{"VACUUM (ANALYZE)", "CHECKPOINT"} {
				if err := b.server.Admin(t.Context(), postgrestest.Database(url), statement); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// fullReceiver is the row of a receiver whose store holds so many events before it is measured.
func fullReceiver(events int64) string {
	if events == 0 {
		return "receiver, empty store"
	}
	return fmt.Sprintf("receiver, %d events stored", events)
}

// fullReceivers loads a receiver whose store is empty, and one whose store is full.
func (b *bench) fullReceivers(t *testing.T) {
	events := []int64{0, b.most()}
	runs := make([]*process, len(events))
	for i, stored := range events {
		path := filepath.Join(b.folder(t), ownDatabase)
		if stored > 0 {
			b.fill(t, storedOrder{Store: "sqlite:" + path, Connections: b.connections, AnyDisk: b.anyDisk}, stored)
		}
		runs[i] = b.startOn(t, "sqlite:"+path)
		runs[i].waitChecked(t)
	}
	seen, turns := make([]measured, len(runs)), make([][]float64, len(runs))
	b.turns(len(runs), func(i int) {
		got := b.load(t, b.connections, b.warm, b.window, runs[i])
		seen[i].merge(got)
		turns[i] = append(turns[i], got.row("", "").PerSecond)
	})
	for i, stored := range events {
		line := seen[i].row("full", fullReceiver(stored))
		_, line.RSS = resident(runs[i].command.Process.Pid)
		line.Turns = turns[i]
		runs[i].stop(t)
		b.report.add(line, fullReceiver(0))
		b.report.atMost(line.What+", p99", mostP99, line.P99, " ms")
	}
}

// most is the most events that a store is filled with.
func (b *bench) most() int64 { return b.events[len(b.events)-1] }

// fill appends so many events, which end now, to a store.
func (b *bench) fill(t *testing.T, order storedOrder, events int64) {
	order.Preload, order.First = events, time.Now().Add(-time.Duration(events)*time.Millisecond).UnixMilli()
	begin := time.Now()
	startStored(t, order).wait(t)
	t.Logf("%s: %d events in %v", order.Store, events, time.Since(begin).Round(time.Millisecond))
}

// curve fills a store for each number of events, and then measures them in turns: each in a process of its own, which
// began with the full store, so that its memory is that of appending to it.
func (b *bench) curve(t *testing.T, engine string, opened func() (url string, settle func())) {
	stores := make([]*storedProcess, len(b.events))
	for i, events := range b.events {
		url, settle := opened()
		order := storedOrder{Store: url, Connections: b.connections, Appending: b.appending, Limit: b.limit,
			AnyDisk: b.anyDisk}
		b.fill(t, order, events)
		settle()
		order.First = time.Now().UnixMilli()
		stores[i] = startStored(t, order)
	}
	seen, peak := make([]measured, len(stores)), make([]float64, len(stores))
	turns := make([][]float64, len(stores))
	b.turns(len(stores), func(i int) {
		_ = exec.Command("sync").Run() // where there is none, what others wrote is written while this is measured
		got := stores[i].turn(t)
		m := got.measured()
		seen[i].merge(m)
		turns[i] = append(turns[i], m.row("", "").PerSecond)
		peak[i] = got.Peak
	})
	for i, events := range b.events {
		stores[i].wait(t)
		line := seen[i].row("curve", storedRow(engine, events))
		line.Turns, line.RSS = turns[i], peak[i]
		b.report.add(line, storedRow(engine, b.events[0]))
	}
}
