package main

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// recording is all that a process did to its store's files, and what it acknowledged meanwhile.
type recording struct {
	*vault
	sent  *traffic
	calls []call
	note  func(c *call, in *traffic) bool // notes what the call answers, and reports whether it answers anything
}

// power: the power goes while a store is created, filled, copied from its log, opened and closed, also where the disk
// has failed before. Whatever may lie on it then must hold what was acknowledged before. On settings that sync less,
// the same must find losses, or it would prove nothing.
func (s *faultSuite) power(t *testing.T) {
	defer s.done(t)
	strace := needStrace(t)
	for _, synchronous := range []string{"FULL", "NORMAL", "OFF"} {
		t.Run(synchronous, func(t *testing.T) {
			row := faultRow{Part: "SQLite: power cut, synchronous=" + synchronous, Weakened: synchronous != "FULL"}
			defer func() { s.report.note(row) }()
			s.cutPower(t, s.recordStoring(t, strace, synchronous), &row)
			if row.Weakened && row.Lost == 0 {
				t.Errorf("with synchronous=%s nothing was lost in %d images: the suite would not notice a loss", synchronous,
					row.Images)
			}
		})
	}
	t.Run("after failures", func(t *testing.T) {
		row := faultRow{Part: "SQLite: power cut, fsyncs failed before"}
		defer func() { s.report.note(row) }()
		// To make the store takes some thirty, to open it eleven: where one of so many fails, there is never one that takes
		// deliveries.
		rec := s.recordStoring(t, strace, "FULL", "-e", "inject=fsync:error=EIO:when=40+19")
		row.Faults = injected(rec.calls)
		s.cutPower(t, rec, &row)
	})
	t.Run("receiver", func(t *testing.T) {
		row := faultRow{Part: "SQLite: power cut below the receiver"}
		defer func() { s.report.note(row) }()
		s.cutPower(t, s.recordReceiver(t, strace), &row)
	})
}

// tellAll lets strace show whatever changes a file, whole.
var tellAll = []string{"--seccomp-bpf", "-s", "1048576", "-e",
	"trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,write,writev," +
		"pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,sendfile,splice,mmap,fsync,fdatasync," +
		"sync_file_range,msync"}

// recordStoring records a process of the tests' own that takes deliveries into a store with the setting given: see
// storing.
func (s *faultSuite) recordStoring(t *testing.T, strace, synchronous string, flags ...string) *recording {
	t.Helper()
	rec := &recording{vault: s.embedded(t), sent: newTraffic(t, rand.Uint64())}
	script, bodies, good := s.scriptStoring(rec.sent, len(flags) == 0)
	rec.recordScript(t, strace, synchronous, script, flags...)
	rec.note = func(c *call, in *traffic) bool {
		if c.name != "write" || !strings.HasPrefix(c.args[0], "1<") {
			return false
		}
		n, err := strconv.Atoi(strings.TrimSuffix(string(c.data(t)), "\n"))
		if err != nil {
			t.Fatalf("the process that stores says %q", c.data(t))
		}
		if good[n] {
			in.acknowledged[identity(t, bodies[n])]++
		} else {
			in.refused[bodies[n]]++
		}
		return true
	}
	return rec
}

// recordScript records a process that stores what the script says.
func (rec *recording) recordScript(t *testing.T, strace, synchronous, script string, flags ...string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, trace := filepath.Join(t.TempDir(), "storing"), filepath.Join(t.TempDir(), "trace")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	process := rec.command(t.Context())
	process.Path, process.Stdin = strace, strings.NewReader(script)
	process.Args = slices.Concat([]string{"strace"}, traceFlags(trace), tellAll, flags,
		[]string{program, rec.file(), synchronous})
	if got := rec.finish(process); got.code != exitGood {
		t.Fatalf("the process that stores ended with code %d: %s", got.code, got.stderr)
	}
	rec.calls = readTrace(t, trace)
}

// scriptStoring is what the process that stores shall do, the bodies in it, and whether they fit the contract. Where
// calls fail, nothing may copy the log but the store itself: a system tells of a failed write by every descriptor of
// the file, and strace by one.
func (s *faultSuite) scriptStoring(sent *traffic, copies bool) (script string, bodies []string, good []bool) {
	random, body, fits := sent.random(0), "", false
	var b strings.Builder
	for n := range 4 * s.size.cuts {
		if body, fits = sent.next(random, body); fits {
			sent.sent(body)
		}
		bodies, good = append(bodies, body), append(good, fits)
		fmt.Fprintf(&b, "%q\n", body)
		switch n % s.size.cuts {
		case s.size.cuts / 3:
			if copies {
				fmt.Fprintln(&b, "copy")
			}
		case s.size.cuts - 1:
			fmt.Fprintln(&b, "reopen")
		}
	}
	return b.String(), bodies, good
}

// recordReceiver records the receiver itself, with deliveries over HTTP.
func (s *faultSuite) recordReceiver(t *testing.T, strace string) *recording {
	t.Helper()
	rec := &recording{vault: s.embedded(t), sent: newTraffic(t, rand.Uint64())}
	trace := filepath.Join(t.TempDir(), "trace")
	r := rec.startTraced(strace, trace, tellAll...)
	r.awaitReady()
	rec.sent.under(&fleet{receivers: []*receiver{r}}, 0, stormSenders, func() { rec.sent.awaitAccepted(2 * s.size.cuts) })
	if code := r.stop(); code != exitGood {
		t.Errorf("the receiver ended with code %d", code)
	}
	rec.calls = readTrace(t, trace)
	rec.note = func(c *call, in *traffic) bool {
		if c.name != "write" || !strings.HasSuffix(c.args[1], `"`) {
			return false
		}
		head, body, _ := strings.Cut(string(c.data(t)), "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 200 ") || !strings.HasPrefix(body, `{"event":`) {
			return false
		}
		in.acknowledged[identity(t, body)]++
		return true
	}
	return rec
}

// edge is the beginning or the end of a call.
type edge struct {
	*call
	begins bool
	over   *func() // what the beginning found to be done at the end
}

// edges are the beginnings and ends of the calls, in the order of the trace.
func edges(calls []call) []edge {
	var list []edge
	for i := range calls {
		over := new(func())
		list = append(list, edge{&calls[i], true, over})
		if calls[i].end >= 0 {
			list = append(list, edge{&calls[i], false, over})
		}
	}
	position := func(s edge) int {
		if s.begins {
			return 2 * s.call.begin
		}
		return 2*s.end + 1
	}
	slices.SortStableFunc(list, func(a, b edge) int { return cmp.Compare(position(a), position(b)) })
	return list
}

// cutPower takes the recording step by step, and at some of them the power away.
func (s *faultSuite) cutPower(t *testing.T, rec *recording, row *faultRow) {
	t.Helper()
	list, d := edges(rec.calls), newDisk(t, rec.folder)
	d.locks = true // one says that a log may be gone
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	cuts := s.chooseCuts(rec, list, random)
	load := rec.answered(t)
	for i, st := range list {
		if st.begins {
			rec.note(st.call, load)
			*st.over = d.begin(st.call)
		} else {
			(*st.over)()
		}
		if !cuts[i] {
			continue
		}
		row.Rounds++
		for _, outcome := range outcomes {
			s.image(t, load, d.after(outcome, random), rec, row)
			if t.Failed() {
				t.Fatalf("this was a power cut after line %d of the trace, with what was not synced %s", st.call.begin, outcome)
			}
		}
	}
	row.Acknowledged = len(load.acknowledged)
	checkRecorded(t, rec, d)
	t.Logf("%d calls, %d acknowledged events, %d images, %d losses", len(rec.calls), row.Acknowledged, row.Images,
		row.Lost)
}

// answered is what was sent, with nothing answered yet.
func (rec *recording) answered(t testing.TB) *traffic {
	load := rec.sent.fork(t)
	load.acknowledged, load.refused = map[string]int{}, map[string]int{}
	return load
}

// chooseCuts picks the steps after which the power goes: a half of them are acknowledgements, and the rest any that
// concern the store's files.
func (s *faultSuite) chooseCuts(rec *recording, list []edge, random *rand.Rand) map[int]bool {
	rec.Helper()
	var kinds [2][]int
	d, load := disk{folder: rec.folder}, rec.answered(rec)
	for i, st := range list {
		switch {
		case st.begins && rec.note(st.call, load):
			kinds[0] = append(kinds[0], i)
		case d.keeps(st.path()):
			kinds[1] = append(kinds[1], i)
		}
	}
	cuts := map[int]bool{}
	for _, positions := range kinds {
		if len(positions) < s.size.cuts/2 {
			rec.Fatalf("the recording has %d moments of a kind, want %d", len(positions), s.size.cuts/2)
		}
		for _, at := range random.Perm(len(positions))[:s.size.cuts/2] {
			cuts[positions[at]] = true
		}
	}
	return cuts
}

// image lays out a store as it may look after the power went, opens it, and weighs what is in it.
func (s *faultSuite) image(t *testing.T, load *traffic, files map[string][]byte, rec *recording, row *faultRow) {
	t.Helper()
	row.Images++
	copied := s.embedded(t)
	if err := os.MkdirAll(filepath.Dir(copied.file()), 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(copied.folder)
	for path, content := range files {
		if name, ok := strings.CutPrefix(path, rec.file()); ok {
			if err := os.WriteFile(copied.file()+name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := reopened(t.Context(), copied.file()); err != nil {
		row.Lost += len(load.acknowledged)
		if !row.Weakened {
			t.Error(err)
		}
		return
	}
	stored := copied.snapshot()
	found := load.weigh(stored)
	row.Lost, row.Duplicated, row.Wrong = row.Lost+found.Lost, row.Duplicated+found.Duplicated, row.Wrong+found.Wrong
	if !row.Weakened {
		load.check(stored)
	}
}

// checkRecorded fails unless the disk, with nothing lost, looks as the folder does: otherwise the recording would be
// incomplete.
func checkRecorded(t *testing.T, rec *recording, d *disk) {
	t.Helper()
	files := d.after("kept", nil)
	for _, path := range rec.storeFiles() {
		real, err := os.ReadFile(path)
		if recorded, known := files[path]; known != (err == nil) || !bytes.Equal(real, recorded) {
			t.Errorf("the recording of %s ends with %d bytes, and the file has %d (%v)", filepath.Base(path), len(recorded),
				len(real), err)
		}
	}
}
