package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// killedAtRestarts: the process is killed at each step of what it does to begin its log again (the mark of a new one,
// the copy beside the writer, its sync, the rest of the copy, the log's new header, the mark that it has begun), when
// it opens the store and when it closes it. What a kill leaves is all that was written until then, and the store opens
// with it: nothing is lost, and nothing is taken for missing.
func (s *faultSuite) killedAtRestarts(t *testing.T) {
	defer s.done(t)
	rec := s.recordStoring(t, needStrace(t), "FULL")
	row := faultRow{Part: "SQLite: killed while the log starts again"}
	defer func() { s.report.note(row) }()
	list, d := edges(rec.calls), newDisk(t, rec.folder)
	d.locks = true
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	kills := s.chooseKills(t, rec, list, random)
	load := rec.answered(t)
	for i, st := range list {
		if st.begins {
			rec.note(st.call, load)
			*st.over = d.begin(st.call)
		} else {
			(*st.over)()
		}
		if !kills[i] {
			continue
		}
		row.Rounds++
		files := d.after("kept", random)
		s.image(t, load, files, rec, &row)
		if row.Rounds%(2*s.size.cuts) == 0 {
			s.killedAgain(t, load, files, rec, &row, random)
		}
		if t.Failed() {
			t.Fatalf("this was a kill after line %d of the trace, %s of %s", st.call.begin, st.call.name,
				filepath.Base(st.path()))
		}
	}
	row.Acknowledged = len(load.acknowledged)
}

// killedAgain starts a process on what a kill left, and kills it at moments by chance until it has closed the store.
func (s *faultSuite) killedAgain(t *testing.T, load *traffic, files map[string][]byte, rec *recording, row *faultRow,
	random *rand.Rand,
) {
	t.Helper()
	again := &recording{vault: s.embedded(t), sent: rec.sent}
	d := newDisk(t, again.folder)
	d.locks = true
	directory := filepath.Dir(again.file())
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	d.names[directory], d.sure[directory] = nil, nil
	for path, content := range files {
		name, ok := strings.CutPrefix(path, rec.file())
		if !ok {
			continue
		}
		file := &diskFile{sure: content}
		d.names[again.file()+name], d.sure[again.file()+name] = file, file
		if err := os.WriteFile(again.file()+name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again.recordScript(t, needStrace(t), "FULL", "")
	for _, st := range edges(again.calls) {
		if st.begins {
			*st.over = d.begin(st.call)
			continue
		}
		(*st.over)()
		if strings.HasPrefix(st.path(), again.file()) && random.IntN(3) == 0 && !t.Failed() {
			s.image(t, load, d.after("kept", random), again, row)
			if t.Failed() {
				t.Errorf("this was a second kill after line %d of its trace, %s of %s", st.call.begin, st.call.name,
					filepath.Base(st.path()))
			}
		}
	}
}

// chooseKills picks the moments: behind each call that a step consists of, those of a copy only now and then, and
// behind the two calls that follow; as many as the suite can afford.
func (s *faultSuite) chooseKills(t *testing.T, rec *recording, list []edge, random *rand.Rand) map[int]bool {
	t.Helper()
	var chosen []int
	restarts, after := 0, 0
	for i, st := range list {
		if st.begins || st.failed || !strings.HasPrefix(st.path(), rec.file()) {
			continue
		}
		log := strings.HasSuffix(st.path(), "-wal")
		switch {
		case log && st.name == "pwrite64" && st.number(t, 3) == 0:
			restarts++
			after = 3
		case !log && st.name == "pwrite64" && random.IntN(6) > 0:
		case !log, st.name == "ftruncate", st.name == "unlink":
			after = 3
		}
		if after > 0 {
			after--
			chosen = append(chosen, i)
		}
	}
	if restarts < 4 {
		t.Fatalf("the log started again %d times, want 4 at least", restarts)
	}
	random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
	t.Logf("%d restarts of the log, %d moments", restarts, len(chosen))
	kills := map[int]bool{}
	for _, i := range slices.Clip(chosen[:min(len(chosen), 8*s.size.cuts)]) {
		kills[i] = true
	}
	return kills
}
