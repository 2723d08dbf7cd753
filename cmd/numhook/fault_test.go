package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"numhook/server/store/postgres/postgrestest"
)

// TestFault breaks whatever the receiver stands on while deliveries come in, and holds what is left against what was
// acknowledged: it must be there, once, with the right values. Its size is NUMHOOK_FAULT=full for all of it (make
// fault), and otherwise what a run of all tests can afford. The report is a table at its end, and JSON in the file that
// NUMHOOK_FAULT_JSON names.
func TestFault(t *testing.T) {
	t.Parallel()
	suite := &faultSuite{program: buildReceiver(t), size: faultSizes["ordinary"]}
	switch {
	case os.Getenv("NUMHOOK_FAULT") == "full":
		suite.size = faultSizes["full"]
	case testing.Short():
		suite.size = faultSizes["short"]
	}
	t.Run("killed", suite.killed)
	t.Run("killed at a call", suite.killedAtCalls)
	t.Run("calls fail", suite.callsFail)
	t.Run("power", suite.power)
	t.Run("killed while a log starts again", suite.killedAtRestarts)
	t.Run("database", func(t *testing.T) {
		suite.server = postgrestest.Own(t)
		t.Run("one of three killed", suite.oneOfThreeKilled)
		t.Run("stopped", suite.databaseStopped)
		t.Run("restarted in turn", suite.restartedInTurn)
		t.Run("network", suite.network)
		t.Run("shuffled", suite.shuffled)
	})
	suite.report.write(t)
	suite.judge(t)
}

// faultSuite is what the parts share.
type faultSuite struct {
	// the receiver, built as it is shipped: the parts time its crashes, and a race detector would slow it down
	program string
	server  *postgrestest.Server
	size    faultSize
	report  faultReport
	parts   int // that have come to their end
}

const faultParts = 10

// done is called at the end of each part.
func (s *faultSuite) done(t *testing.T) {
	if !t.Failed() && !t.Skipped() {
		s.parts++
	}
}

// faultSize is how much of each part is done.
type faultSize struct {
	kills       int // of the receiver on its embedded store
	calls       int // every how many calls one is chosen to be killed at
	occasions   int // of those in the list
	again       int // how often each kind of fault comes over a call on each
	faults      int // wanted of each, and how long to wait for them
	faultTime   time.Duration
	cuts        int // moments at which the power goes
	oneOfThree  int // kills of one of three receivers
	stops       int // of the database server
	turns       int // of restarting all receivers
	disruptions int // of each kind, of the network
	numbers     int // that shuffled events speak of

	wantKills, wantFaults, wantImages int // in all
}

var faultSizes = map[string]faultSize{
	"short": {
		kills: 2, calls: 12, occasions: 1, again: 1, faults: 2, faultTime: time.Second / 2, cuts: 8,
		oneOfThree: 2, stops: 1, turns: 1, disruptions: 1, numbers: 300,
		wantKills: 8, wantFaults: 20, wantImages: 24,
	},
	"ordinary": {
		kills: 6, calls: 6, occasions: 3, again: 1, faults: 3, faultTime: time.Second, cuts: 16,
		oneOfThree: 3, stops: 1, turns: 1, disruptions: 1, numbers: 1000,
		wantKills: 16, wantFaults: 60, wantImages: 60,
	},
	"full": {
		kills: 80, calls: 1, occasions: 4, again: 2, faults: 16, faultTime: 4 * time.Second, cuts: 60,
		oneOfThree: 70, stops: 12, turns: 5, disruptions: 6, numbers: 10_000,
		wantKills: 200, wantFaults: 500, wantImages: 180,
	},
}

// judge fails when something was lost, doubled or spoiled, and when too little was tried for that to mean anything.
func (s *faultSuite) judge(t *testing.T) {
	t.Helper()
	total, size := s.report.total(), s.size
	if total.Lost+total.Duplicated+total.Wrong > 0 {
		t.Errorf("of %d acknowledged events %d were lost, %d are there more than once, and %d values are wrong; want none",
			total.Acknowledged, total.Lost,
			total.Duplicated, total.Wrong)
	}
	if s.parts == faultParts && (total.Kills < size.wantKills || total.Faults < size.wantFaults ||
		total.Images < size.wantImages) {
		t.Errorf("%d kills, %d faults and %d images are too few, want %d, %d and %d", total.Kills, total.Faults, total.Images,
			size.wantKills, size.wantFaults,
			size.wantImages)
	}
}

// buildReceiver builds the program.
func buildReceiver(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "numhook")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the receiver: %v: %s", err, out)
	}
	return program
}

// vault is a place where events are kept, and from which any number of receivers can be started.
type vault struct {
	*site
	program  string
	snapshot func() snapshot
}

// embedded is a vault of its own on the embedded store.
func (s *faultSuite) embedded(t *testing.T) *vault {
	v := &vault{site: newSite(t), program: s.program}
	v.snapshot = func() snapshot { return readSnapshot(t, v.file()) }
	return v
}

// database is a vault of its own on the PostgreSQL server.
func (s *faultSuite) database(t *testing.T) *vault {
	t.Helper()
	url, err := s.server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v := &vault{site: newSite(t), program: s.program}
	v.env = append(v.env, storeVariable+url)
	v.snapshot = func() snapshot { return readDatabase(t, url) }
	return v
}

// start runs the program as it is shipped, and waits until it is ready.
func (v *vault) start() *receiver {
	v.Helper()
	r := v.launchProgram(v.program)
	r.awaitReady()
	return r
}

// fleet starts so many receivers.
func (v *vault) fleet(many int) *fleet {
	v.Helper()
	f := &fleet{}
	for range many {
		f.receivers = append(f.receivers, v.launchProgram(v.program))
	}
	for _, r := range f.receivers {
		r.awaitReady()
	}
	return f
}

// under lets a storm rage over the fleet until do returns.
func (tr *traffic) under(f *fleet, round, senders int, do func()) {
	tr.Helper()
	ctx, cancel := context.WithCancel(tr.Context())
	var wg sync.WaitGroup
	wg.Go(func() { tr.storm(ctx, f, round, senders) })
	defer func() { // a test that fails ends here, too
		cancel()
		wg.Wait()
	}()
	tr.awaitAccepted(1)
	do()
}

// awaitAccepted waits until so many deliveries more are acknowledged.
func (tr *traffic) awaitAccepted(more int) {
	tr.Helper()
	before := tr.accepted()
	eventually(tr, startTime, "deliveries are acknowledged", func() bool { return tr.accepted() >= before+more })
}

// verdict weighs what is kept, notes it in the report, and fails with the details when anything is amiss.
func (s *faultSuite) verdict(tr *traffic, l snapshot, row faultRow) {
	tr.Helper()
	found := tr.weigh(l)
	row.Acknowledged, row.Lost, row.Duplicated, row.Wrong, row.Refused = found.Acknowledged, found.Lost, found.Duplicated,
		found.Wrong, found.Refused
	s.report.note(row)
	tr.check(l)
	if found.Lost+found.Duplicated+found.Wrong > 0 && !tr.Failed() {
		tr.Errorf("%d lost, %d duplicated, %d wrong", found.Lost, found.Duplicated, found.Wrong)
	}
}

// pause waits a random time.
func pause(tr *traffic, stream uint64, most time.Duration) {
	<-time.After(time.Duration(tr.random(stream).Int64N(int64(most))))
}
