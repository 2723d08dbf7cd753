package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// faultRow is what one part of the fault suite did, and what it found. The counts of a part are those of all its
// rounds.
type faultRow struct {
	Part     string `json:"part"`
	Weakened bool   `json:"weakened,omitempty"` // runs on settings under which it must find losses; not in the total
	Rounds   int    `json:"rounds"`
	Kills    int    `json:"kills"` // processes ended by SIGKILL, and database servers stopped as in a crash
	// system calls that failed on purpose, and connections to the database that were cut, held up or reset
	Faults       int `json:"faults"`
	Images       int `json:"images"` // stores as they may look after the power went
	Acknowledged int `json:"acknowledged"`
	Lost         int `json:"lost"`       // acknowledged, and not there; or answered 400, and not in quarantine
	Duplicated   int `json:"duplicated"` // there more than once
	Wrong        int `json:"wrong"`      // bodies that nobody sent, and values other than the newest
	Refused      int `json:"refused"`    // deliveries answered 503 or not at all
}

func (r *faultRow) add(other faultRow) {
	r.Rounds += other.Rounds
	r.Kills += other.Kills
	r.Faults += other.Faults
	r.Images += other.Images
	r.Acknowledged += other.Acknowledged
	r.Lost += other.Lost
	r.Duplicated += other.Duplicated
	r.Wrong += other.Wrong
	r.Refused += other.Refused
}

// cells are the row's, in the order of faultColumns.
func (r *faultRow) cells() []any {
	return []any{r.Part, r.Rounds, r.Kills, r.Faults, r.Images, r.Acknowledged, r.Lost, r.Duplicated, r.Wrong, r.Refused}
}

const faultColumns = "part\trounds\tkills\tfaults\timages\tacknowledged\tlost\tduplicated\twrong\trefused\t\n"

// faultReport collects the rows of all parts.
type faultReport struct {
	mu   sync.Mutex
	rows []faultRow
}

// note adds to the row of the part, and makes one where there is none.
func (f *faultReport) note(r faultRow) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.rows {
		if f.rows[i].Part == r.Part {
			f.rows[i].add(r)
			return
		}
	}
	f.rows = append(f.rows, r)
	slices.SortFunc(f.rows, func(a, b faultRow) int { return strings.Compare(a.Part, b.Part) })
}

func (f *faultReport) total() faultRow {
	f.mu.Lock()
	defer f.mu.Unlock()
	total := faultRow{Part: "total"}
	for _, r := range f.rows {
		if !r.Weakened {
			total.add(r)
		}
	}
	return total
}

// table is the report as people read it.
func (f *faultReport) table() string {
	total := f.total()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := strings.Repeat("%v\t", strings.Count(faultColumns, "\t")) + "\n"
	fmt.Fprint(w, faultColumns)
	for _, r := range append(f.rows, total) {
		if r.Weakened {
			r.Part += " (must lose)"
		}
		fmt.Fprintf(w, line, r.cells()...)
	}
	_ = w.Flush() // a string takes everything
	return b.String()
}

// write shows the report, and leaves it as JSON in the file that NUMHOOK_FAULT_JSON names.
func (f *faultReport) write(t *testing.T) {
	t.Helper()
	t.Logf("the fault suite's report:\n%s", f.table())
	path := os.Getenv("NUMHOOK_FAULT_JSON")
	if path == "" {
		return
	}
	text, err := json.MarshalIndent(struct {
		Parts []faultRow `json:"parts"`
		Total faultRow   `json:"total"`
	}{f.rows, f.total()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		t.Errorf("cannot write the report: %v", err)
	}
}
