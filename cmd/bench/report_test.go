package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// report is what a run found. Its JSON form is what NUMHOOK_BENCH_JSON gets.
type report struct {
	Machine  machine  `json:"machine"`
	Rows     []row    `json:"rows"`
	Aims     []aim    `json:"aims"`
	Memory   []memory `json:"memory"`
	Draining []memory `json:"draining"` // memory while all that is enqueued is handed on
}

// row is one line of the table. A zero is a blank.
type row struct {
	Row       int     `json:"row"` // from 1
	Part      string  `json:"part"`
	What      string  `json:"what"`
	PerSecond float64 `json:"per_second,omitempty"`
	NsPerOp   float64 `json:"ns_per_op,omitempty"`
	Bytes     float64 `json:"bytes_per_op,omitempty"`
	Allocs    float64 `json:"allocs_per_op,omitempty"`
	P50       float64 `json:"p50_ms,omitempty"`
	P99       float64 `json:"p99_ms,omitempty"`
	// user and system, of the process that is measured, for one delivery
	CPU        float64   `json:"cpu_us,omitempty"`
	ClientCPU  float64   `json:"client_cpu_us,omitempty"` // of the process that sends, which has to share the machine
	RSS        float64   `json:"peak_rss_mib,omitempty"`
	Ratio      float64   `json:"ratio,omitempty"` // how many times as fast as the row AgainstRow
	AgainstRow int       `json:"against_row,omitempty"`
	Turns      []float64 `json:"turns,omitempty"` // per second, of each turn
}

// aim is a figure to reach.
type aim struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

func (r *report) row(what string) *row {
	for i := range r.Rows {
		if r.Rows[i].What == what {
			return &r.Rows[i]
		}
	}
	return nil
}

// add appends the row, with its ratio to an earlier one if one is named.
func (r *report) add(line row, against string) {
	line.Row = len(r.Rows) + 1
	if other := r.row(against); other != nil && other.PerSecond > 0 {
		line.Ratio, line.AgainstRow = line.PerSecond/other.PerSecond, other.Row
	}
	r.Rows = append(r.Rows, line)
}

var columns = []struct {
	title string
	value func(row) string
}{
	{"row", func(r row) string { return strconv.Itoa(r.Row) }},
	{"part", func(r row) string { return r.Part }},
	{"what", func(r row) string { return r.What }},
	{"per second", func(r row) string { return cell(r.PerSecond) }},
	{"ns/op", func(r row) string { return cell(r.NsPerOp) }},
	{"B/op", func(r row) string { return cell(r.Bytes) }},
	{"allocs/op", func(r row) string { return cell(r.Allocs) }},
	{"p50 ms", func(r row) string { return cell(r.P50) }},
	{"p99 ms", func(r row) string { return cell(r.P99) }},
	{"CPU us", func(r row) string { return cell(r.CPU) }},
	{"client CPU us", func(r row) string { return cell(r.ClientCPU) }},
	{"peak MiB", func(r row) string { return cell(r.RSS) }},
	{"ratio", func(r row) string {
		if r.Ratio == 0 {
			return ""
		}
		return figure(r.Ratio) + "x row " + strconv.Itoa(r.AgainstRow)
	}},
}

// print writes the facts, the one table, and what of the figures to reach was reached: Markdown that also reads well on
// a terminal.
func (r *report) print(out io.Writer) error {
	var text strings.Builder
	m := r.Machine
	fmt.Fprintf(&text, "\n%d cores (%s), %s %s/%s, %s; the stores lie on %s, where an appended fsync takes %s ms (p50) "+
		"and %s ms (p99).\n",
		m.Cores, m.Processor, m.Go, m.OS, m.Arch, m.Kernel, m.FileSystem, figure(m.FsyncP50), figure(m.FsyncP99))
	fmt.Fprintf(&text, "CPU is user and system time of the measured process for one delivery; the client shares the "+
		"cores and has a column of its own.\n\n")
	lines := make([][]string, 0, 1+len(r.Rows))
	title := make([]string, len(columns))
	for i, column := range columns {
		title[i] = column.title
	}
	lines = append(lines, title)
	for _, row := range r.Rows {
		line := make([]string, len(columns))
		for i, column := range columns {
			line[i] = column.value(row)
		}
		lines = append(lines, line)
	}
	align(&text, lines, 3)
	for _, watched := range []struct {
		when  string
		looks []memory
	}{{"under load", r.Memory}, {"while all that is owed is handed on", r.Draining}} {
		if n := len(watched.looks); n > 0 {
			first, last := watched.looks[0], watched.looks[n-1]
			fmt.Fprintf(&text, "\nResident memory %s: %s MiB at the start, %s in the middle, %s at three quarters, %s at the "+
				"end (%s s).\n", watched.when,
				figure(first.RSS), figure(watched.looks[n/2].RSS), figure(watched.looks[n*3/4].RSS), figure(last.RSS),
				figure(last.At))
		}
	}
	text.WriteString("\n")
	lines = [][]string{{"to reach", "want", "got", "reached"}}
	for _, a := range r.Aims {
		reached := "no"
		if a.Met {
			reached = "yes"
		}
		lines = append(lines, []string{a.What, a.Want, a.Got, reached})
	}
	align(&text, lines, 3)
	_, err := io.WriteString(out, text.String())
	return err
}

// align writes a Markdown table whose first columns are text and whose others are figures.
func align(text *strings.Builder, lines [][]string, left int) {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], len(cell), 3)
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			if pad := width[i]; i < left || i == len(line)-1 {
				fmt.Fprintf(text, "| %-*s ", pad, cell)
			} else {
				fmt.Fprintf(text, "| %*s ", pad, cell)
			}
		}
		text.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i := range line {
			rule := strings.Repeat("-", width[i])
			if i >= left && i < len(line)-1 {
				rule = rule[1:] + ":"
			}
			text.WriteString("| " + rule + " ")
		}
		text.WriteString("|\n")
	}
}

// cell is the figure, and a blank for zero.
func cell(v float64) string {
	if v == 0 {
		return ""
	}
	return figure(v)
}

// figure is the number with about three significant digits.
func figure(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}
