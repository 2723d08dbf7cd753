package bench

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"numhook/server/store/postgres/postgrestest"
)

// TestMain is also the entry of the receivers that this binary runs as processes of their own.
func TestMain(m *testing.M) {
	if kind := os.Getenv(childKind); kind != "" {
		os.Exit(runChild(kind, os.Getenv(childDirectory)))
	}
	os.Exit(m.Run())
}

// scale is how much is measured.
type scale struct {
	connections      int
	rounds           int           // in each of which every competitor gets its turn, in alternating order
	warm             time.Duration // before each turn, not counted
	window           time.Duration // of one receiver's turn
	appending        time.Duration // of one store's turn
	limit            int64         // deliveries or appends of one turn; 0 for as many as fit
	soak             time.Duration // of the watch on memory
	sample           time.Duration // between two looks at it
	benchtime        string        // of one testing.Benchmark
	connectionCounts []int         // numbers of connections
	glance           time.Duration // at a receiver with one of them
	events           []int64       // that are stored already
	outboxRows       int           // rows that is enqueued for a downstream at a receiver's start
	handing          time.Duration // at most, of one receiver that hands them on
	draining         time.Duration // the same, of one that hands all of them on
	pairs            int           // of turns of two binaries
	payloads         int           // of the file that is validated
	product          bool          // build the receiver exactly as "make build" does
	anyDisk          bool          // allow a store in memory
}

var (
	tiny = scale{connections: 8, rounds: 2, window: time.Minute, appending: time.Minute, limit: 100, soak: time.Minute,
		sample:    20 * time.Millisecond,
		benchtime: "10x", connectionCounts: []int{1, 8}, glance: time.Minute, events: []int64{100, 300, 1000},
		outboxRows: 200, handing: time.Minute, draining: time.Minute, pairs: 1, payloads: 1000, anyDisk: true}
	full = scale{connections: 64, rounds: 4, warm: 2 * time.Second, window: 6 * time.Second, appending: 3 * time.Second,
		soak:   20 * time.Second,
		sample: time.Second, benchtime: "500ms", connectionCounts: []int{1, 16, 64, 256}, glance: 2 * time.Second,
		events:     []int64{10_000, 100_000, 1_000_000},
		outboxRows: 100_000, handing: 5 * time.Second, draining: 3 * time.Minute, pairs: 12, payloads: 1_000_000,
		product: true}
)

// bench is one run: its scale, and what has been found so far.
type bench struct {
	scale
	directory  string               // for everything that is written
	dir        string               // where PostgreSQL makes a directory of its own; empty for the temporary directory
	server     *postgrestest.Server // once one was needed
	folders    int
	binary     string // the receiver, once it is built
	tags       string // that it is built with
	deliveries *deliveries
	report     report
}

// parts are run in this order; each adds its rows and aims to the report.
var parts = []struct {
	name string
	run  func(*bench, *testing.T)
	rows []string
}{
	{"check", (*bench).check, []string{stockCheck, ownCheck, ownClean, visitorCheck, plainHandler, ownHandler}},
	{"receiver", (*bench).receivers, []string{plainReceiver, ownReceiver, bareServer}},
	{"before", (*bench).before, []string{beforeReceiver, nowReceiver, beforeOut, nowOut}},
	{"full", (*bench).fullReceivers, nil},
	{"store", (*bench).appends, []string{singleStore, ownStore, rawFile}},
	{"postgres", (*bench).postgresAppends, []string{postgresSingle, postgresPaired, postgresStore, postgresThree}},
	{"connections", (*bench).connectionsOnSQLite, nil},
	{"postgres connections", (*bench).connectionsOnPostgres, nil},
	{"curve", (*bench).curveOfSQLite, nil},
	{"postgres curve", (*bench).curveOfPostgres, nil},
	{"way out", (*bench).wayOut, []string{outRow(1), outRow(16), outRow(64), outFirst, outAll, outNone, outBoth,
		outThrough, outAllAlive, outOneDead, outOneStuck}},
	{"postgres way out", (*bench).bothOnPostgres, []string{outNoneOnPG, outBothOnPG}},
	{"memory", (*bench).memory, []string{soak}},
	{"validate", (*bench).validate, []string{ownOne, ownTwo, smallFile}},
}

// core are the parts that a run of all tests takes, so that the harness works; "make smoke" takes all of them.
var core = []string{"check", "receiver", "store", "validate"}

// TestBench measures when NUMHOOK_BENCH is set. When it is "smoke", and when it is not set, so little is measured that
// the figures say nothing: then the test is of the harness.
func TestBench(t *testing.T) {
	b := &bench{scale: tiny, directory: t.TempDir(), deliveries: newDeliveries(t)}
	var out io.Writer = io.Discard
	taken := os.Getenv("NUMHOOK_BENCH")
	if taken != "" && taken != "smoke" {
		b.scale, out = full, os.Stdout
		b.fromEnvironment(t)
	}
	t.Cleanup(func() { b.stopServer(t) })
	benchtime := flag.Lookup("test.benchtime").Value
	before := benchtime.String()
	if err := benchtime.Set(b.benchtime); err != nil {
		t.Fatal(err)
	}
	defer benchtime.Set(before)

	b.report.Machine = look(t, b.directory)
	for _, part := range parts {
		if taken == "" && !slices.Contains(core, part.name) {
			continue
		}
		ran := t.Run(part.name, func(t *testing.T) {
			part.run(b, t)
			for _, name := range part.rows {
				if b.report.row(name) == nil {
					t.Errorf("no row %q", name)
				}
			}
		})
		if !ran {
			return // a table with wrong rows is worse than none
		}
	}
	b.report.judge(b.events)
	if err := b.report.print(out); err != nil {
		t.Fatal(err)
	}
	if file := os.Getenv("NUMHOOK_BENCH_JSON"); file != "" {
		if err := b.report.write(file); err != nil {
			t.Fatal(err)
		}
	}
}

// fromEnvironment takes what the package comment lists.
func (b *bench) fromEnvironment(t *testing.T) {
	if dir := os.Getenv("NUMHOOK_BENCH_DIR"); dir != "" {
		b.dir = dir
		b.directory = filepath.Join(dir, "numhook-bench-"+strconv.Itoa(os.Getpid()))
		if err := os.Mkdir(b.directory, 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(b.directory) })
	}
	if text := os.Getenv("NUMHOOK_BENCH_PAIRS"); text != "" {
		pairs, err := strconv.Atoi(text)
		if err != nil || pairs < 1 {
			t.Fatalf("cannot read NUMHOOK_BENCH_PAIRS: %q is no number above 0", text)
		}
		b.pairs = pairs
	}
	for name, into := range map[string]*time.Duration{"NUMHOOK_BENCH_SOAK": &b.soak, "NUMHOOK_BENCH_WINDOW": &b.window} {
		text := os.Getenv(name)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			t.Fatalf("cannot read %s: %q is no duration such as 20s or 10m", name, text)
		}
		*into = d
	}
	if text := os.Getenv("NUMHOOK_BENCH_EVENTS"); text != "" {
		most, err := strconv.ParseInt(text, 10, 64)
		if err != nil || most <= b.events[len(b.events)-1] {
			t.Fatalf("cannot read NUMHOOK_BENCH_EVENTS: %q is no number above %d", text, b.events[len(b.events)-1])
		}
		b.events = append(b.events, most)
	}
}

// folder makes a folder for one competitor.
func (b *bench) folder(t *testing.T) string {
	b.folders++
	folder := filepath.Join(b.directory, strconv.Itoa(b.folders))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// turns calls each competitor once a round; every other round in reverse, so that a machine that grows slower favors
// nobody.
func (b *bench) turns(competitors int, turn func(competitor int)) {
	for round := range b.rounds {
		for i := range competitors {
			if round%2 == 1 {
				i = competitors - 1 - i
			}
			turn(i)
		}
	}
}
