package bench

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The rows of this receiver beside an older one, whose binary NUMHOOK_BENCH_BEFORE names.
const (
	beforeReceiver = "receiver, the binary of before"
	nowReceiver    = "receiver, beside the binary of before"
	beforeOut      = "handed on by the binary of before, 16 attempts at a time"
	nowOut         = "handed on, beside the binary of before"
)

// before measures both binaries in pairs of short turns, one after the other, so that a machine that is busy with
// something else is as busy for both. Each ratio is the median of the pairs'.
func (b *bench) before(t *testing.T) {
	b.build(t)
	older := os.Getenv("NUMHOOK_BENCH_BEFORE")
	switch {
	case older == "" && b.product:
		t.Skip("NOT MEASURED: the binary of before, for NUMHOOK_BENCH_BEFORE names none")
	case older == "":
		older = b.binary
	}
	b.beforeOnTheWayIn(t, older)
	b.beforeOnTheWayOut(t, older)
}

// pair is a figure of both binaries, one for each pair of turns.
type pair [2][]float64

// ratio is the median of those of the second binary to the first.
func (p pair) ratio() float64 {
	ratios := make([]float64, len(p[0]))
	for i := range ratios {
		ratios[i] = p[1][i] / max(p[0][i], 1e-9)
	}
	slices.Sort(ratios)
	return (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
}

// inPairs gives each binary its turn, and begins every other pair with the other one.
func (b *bench) inPairs(turn func(which int)) {
	for n := range b.pairs {
		turn(n % 2)
		turn(1 - n%2)
	}
}

func (b *bench) beforeOnTheWayIn(t *testing.T, older string) {
	var runs [2]*process
	for i, binary := range []string{older, b.binary} {
		runs[i] = b.startBinary(t, binary, "")
	}
	var seen [2]measured
	var rate, cpu, p99 pair
	b.inPairs(func(i int) {
		got := b.load(t, b.connections, min(b.warm, 500*time.Millisecond), b.glance, runs[i])
		seen[i].merge(got)
		line := got.row("", "")
		rate[i], cpu[i], p99[i] = append(rate[i], line.PerSecond), append(cpu[i], line.CPU), append(p99[i], line.P99)
	})
	for i, what := range []string{beforeReceiver, nowReceiver} {
		line := seen[i].row("before", what)
		_, line.RSS = resident(runs[i].command.Process.Pid)
		line.Turns = rate[i]
		runs[i].stop(t)
		requireStored(t, filepath.Join(runs[i].command.Dir, ownDatabase), seen[i].answered)
		b.report.add(line, "")
	}
	b.report.beside(nowReceiver, beforeReceiver, "accepted/s", rate, cpu)
	b.report.atMost(nowReceiver+", p99 to before", mostP99ToBefore, p99.ratio(), "x")
}

// beside notes how the second of two rows does to the first: in what it does a second, and in processor time for each.
func (r *report) beside(what, against, unit string, rate, cpu pair) {
	line, other := r.row(what), r.row(against)
	line.Ratio, line.AgainstRow = rate.ratio(), other.Row
	r.atLeast(what+", "+unit+" to before", keptRate, rate.ratio(), "x")
	if cpu[0][0] > 0 {
		r.atMost(what+", CPU to before", mostCPUToBefore, cpu.ratio(), "x")
	}
}

// beforeOnTheWayOut has both binaries hand on the outbox in copies of one store, which the older one wrote.
func (b *bench) beforeOnTheWayOut(t *testing.T, older string) {
	path := filepath.Join(b.folder(t), ownDatabase)
	p := b.startBinary(t, older, "sqlite:"+path)
	l := &load{from: b.deliveries, connections: b.connections, window: time.Minute, limit: int64(b.outboxRows / 5),
		rate: stockRate}
	if _, err := l.runIn(t, []*process{p}); err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	var rate, cpu pair
	var peak [2]float64
	b.inPairs(func(i int) {
		h := b.handedOnBy(t, []string{older, b.binary}[i], b.copied(t, path), int64(b.outboxRows/10))
		rate[i], cpu[i] = append(rate[i], h.rate), append(cpu[i], h.cpu)
		peak[i] = max(peak[i], h.peak)
	})
	for i, what := range []string{beforeOut, nowOut} {
		line := row{Part: "before", What: what, PerSecond: median(rate[i]), CPU: median(cpu[i]), RSS: peak[i], Turns: rate[i]}
		b.report.add(line, "")
	}
	b.report.beside(nowOut, beforeOut, "handed on/s", rate, cpu)
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// handing is how fast a binary handed on, and its processor time for each.
type handing struct{ rate, cpu, peak float64 }

// handedOnBy has the binary hand on so many of all events in the store, to a downstream that takes nothing before all
// that is enqueued for it is in the outbox.
func (b *bench) handedOnBy(t *testing.T, binary, store string, want int64) (h handing) {
	t.Helper()
	d := newBound(t, nil)
	d.gate, d.knocks = make(chan struct{}), make(chan struct{}, 1)
	config := configure(t, b.folder(t), 16, []*bound{d}, "mode: every", "start: beginning", "timeout: 5m")
	p := b.startBinary(t, binary, "sqlite:"+store, "--config", config)
	p.waitChecked(t)
	select {
	case <-d.knocks:
	case <-time.After(time.Minute):
		t.Fatal("the receiver hands nothing on")
	}
	b.waitFilled(t, store)
	begun, cpu, had := time.Now(), cpuTime(p.command.Process.Pid), d.came.Load()
	close(d.gate)
	tick, limit := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for d.came.Load()-had < want {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d of %d were handed on within a minute", d.came.Load()-had, want)
		}
	}
	came := float64(d.came.Load() - had)
	h.rate = came / time.Since(begun).Seconds()
	h.cpu = float64((cpuTime(p.command.Process.Pid) - cpu).Microseconds()) / came
	_, h.peak = resident(p.command.Process.Pid)
	p.stop(t)
	return h
}

// waitFilled waits until no more rows are added to the outbox.
func (b *bench) waitFilled(t *testing.T, store string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+store+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tick, limit := time.NewTicker(200*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for before := -1; ; {
		var rows int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM owed").Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows > 0 && rows == before {
			return
		}
		before = rows
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("rows are still added to what is owed")
		}
	}
}
