package bench

import (
	"database/sql"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The rows of whole receivers, over HTTP.
const (
	plainReceiver = "plain receiver, durable"
	ownReceiver   = "receiver (serve), durable"
	bareServer    = "echo, signature and JSON: no check, no store"
	soak          = "receiver (serve), memory watched"
)

// receivers loads each receiver in turn with the same client and the same stream, and then counts what they stored.
func (b *bench) receivers(t *testing.T) {
	runs := []struct {
		process  *process
		database string // empty when it has none
	}{
		{b.startChild(t, plainReceiver), plainDatabase},
		{b.startOwn(t), ownDatabase},
		{b.startChild(t, bareServer), ""},
	}
	seen := make([]measured, len(runs))
	turns := make([][]float64, len(runs))
	b.turns(len(runs), func(i int) {
		got := b.load(t, b.connections, b.warm, b.window, runs[i].process)
		seen[i].merge(got)
		turns[i] = append(turns[i], got.row("", "").PerSecond)
	})
	for i, run := range runs {
		line := seen[i].row("receiver", run.process.what)
		_, line.RSS = resident(run.process.command.Process.Pid)
		line.Turns = turns[i]
		run.process.stop(t)
		if run.database != "" {
			requireStored(t, filepath.Join(run.process.command.Dir, run.database), seen[i].answered)
		}
		b.report.add(line, plainReceiver)
	}
}

// stockRate is more than a receiver with a store takes of a machine's two cores, in deliveries a second.
const stockRate = 30_000

// load gives the disk time to come to rest, and then loads the processes.
func (b *bench) load(t *testing.T, connections int, warm, window time.Duration, processes ...*process) *measured {
	t.Helper()
	if !b.anyDisk {
		_ = exec.Command("sync").Run() // where there is none, what others wrote is written while this is measured
	}
	l := &load{from: b.deliveries, connections: connections, warm: warm, window: window, limit: b.limit, rate: stockRate,
		again: processes[0].what == bareServer}
	got, err := l.runIn(t, processes)
	if err != nil {
		t.Fatalf("%s: %v", processes[0].what, err)
	}
	if got.late > 0 {
		t.Logf("%s: %d requests were made on the spot", processes[0].what, got.late)
	}
	return got
}

// requireStored holds the number of 200s against the events that are in the file.
func requireStored(t *testing.T, path string, answered int64) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var events int64
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&events); err != nil {
		t.Fatal(err)
	}
	requireEqual(t, filepath.Base(path), events, answered)
}

func requireEqual(t *testing.T, where string, events, answered int64) {
	t.Helper()
	if events != answered {
		t.Fatalf("%s holds %d events after %d different deliveries were answered 200", where, events, answered)
	}
}

// memory is a look at the receiver's resident memory, seconds after the load's begin.
type memory struct {
	At  float64 `json:"at_s"`
	RSS float64 `json:"rss_mib"`
}

// memory loads a fresh receiver without a pause and watches its memory.
func (b *bench) memory(t *testing.T) {
	p := b.startOwn(t)
	stop, watched := make(chan struct{}), make(chan []memory)
	go func() { watched <- watch(p.command.Process.Pid, b.sample, stop) }()
	got := b.load(t, b.connections, 0, b.soak, p)
	close(stop)
	b.report.Memory = <-watched
	line := got.row("memory", soak)
	_, line.RSS = resident(p.command.Process.Pid)
	p.stop(t)
	requireStored(t, filepath.Join(p.command.Dir, ownDatabase), got.answered)
	b.report.add(line, "")
}

func watch(pid int, every time.Duration, stop <-chan struct{}) []memory {
	begin := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	var looks []memory
	for {
		now, _ := resident(pid)
		looks = append(looks, memory{time.Since(begin).Seconds(), now})
		select {
		case <-tick.C:
		case <-stop:
			now, _ := resident(pid)
			return append(looks, memory{time.Since(begin).Seconds(), now})
		}
	}
}

// growth is how much more memory was in use on average in the last third of the watch than in the second, in MiB: the
// first holds the start.
func growth(looks []memory) float64 {
	third := len(looks) / 3
	if third == 0 {
		return 0
	}
	average := func(part []memory) (sum float64) {
		for _, look := range part {
			sum += look.RSS / float64(len(part))
		}
		return sum
	}
	return average(looks[len(looks)-third:]) - average(looks[third:2*third])
}
