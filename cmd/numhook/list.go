package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"numhook/server/terminal"
)

// shortID is how many digits of an event's identity a table shows; events show takes them.
const (
	shortID    = 16
	shortestID = 12
)

// How wide a cell of a column may be. Lists are for looking over: show prints the whole, and JSON does.
const (
	cellWidth   = 64
	numberWidth = 24 // E.164 has a plus and 15 digits at most
	longWidth   = 160
	screenWidth = 80 // what a table has to fit, unless it is to be wide
	columnGap   = 2
	leastWidth  = 8 // what a column is left, whatever else there is to show
)

var columnWidths = map[string]int{"NUMBER": numberWidth, valueColumn: longWidth, "REASON": longWidth, "WHY": longWidth}

// valueColumn holds JSON where the list is wide, and plain text elsewhere.
const valueColumn = "VALUE"

// flexible are the columns that give way where a row is wider than the screen: what they show is in JSON and in show.
var flexible = []string{"REASON", "WHY", "VIOLATION", "DETAIL", "OBJECT", "FROM", "EVENT", "ACCOUNT", "DOWNSTREAM",
	"NAME", "NUMBER", "NUMBERS", "ACTION", "WHO", valueColumn}

// list writes rows as they are read: a table for people, one JSON array, or CSV.
type list struct {
	out     io.Writer
	format  string
	wide    bool
	columns []string // those of the table that are shown
	shown   []bool   // which of the cells of a row
	waiting [][]string
	members []member
	csv     *csv.Writer
	entries int
	failed  error
	pager   *pager // nil where there is none
}

// listFlags are those of every verb that lists.
type listFlags struct {
	url    *string
	format *choice
	wide   *bool
	limit  *int
	given  func(flag string) bool
}

// textLimit is how many entries a table shows unless it is told.
const textLimit = 50

// newListFlags adds them, and without limit none for it.
func newListFlags(cmd *cobra.Command) *listFlags {
	f := &listFlags{url: storeFlag(cmd), format: formatFlag(cmd, "text", "json", "csv"), given: cmd.Flags().Changed}
	f.wide = cmd.Flags().Bool("wide", false, "show every column, in text wider than 80 characters")
	return f
}

// limited adds --limit.
func (f *listFlags) limited(cmd *cobra.Command) *listFlags {
	f.limit = cmd.Flags().Int("limit", 0, fmt.Sprintf("show at most so many; 0 for all, which json and csv show unless "+
		"it is given, and text %d", textLimit))
	return f
}

// most is how many entries are to be shown; 0 for all.
func (f *listFlags) most() int {
	if f.limit == nil || f.given("limit") || f.format.value != "text" {
		if f.limit == nil {
			return 0
		}
		return *f.limit
	}
	return textLimit
}

// newList begins a list whose entries are of type R in CSV: its columns there are the members of R's JSON. A column of
// the table that ends in " wide" or in " narrow" is shown in the one kind alone.
func newList[R any](out io.Writer, f *listFlags, columns ...string) *list {
	l := &list{out: out, format: f.format.value, wide: f.wide != nil && *f.wide}
	for _, column := range columns {
		name, kind, marked := strings.Cut(column, " ")
		shown := !marked || (kind == "wide") == l.wide
		l.shown = append(l.shown, shown)
		if shown {
			l.columns = append(l.columns, name)
		}
	}
	switch l.format {
	case "csv":
		l.members = membersOf(reflect.TypeFor[R](), nil)
		l.csv = csv.NewWriter(out)
		header := make([]string, len(l.members))
		for i, m := range l.members {
			header[i] = m.name
		}
		l.failed = l.csv.Write(header)
	case "text":
		l.waiting = [][]string{l.columns}
		if l.pager = paged(out); l.pager != nil {
			l.out = l.pager
		}
	}
	return l
}

// entry writes one entry: as JSON or CSV, or as its rows in the table.
func (l *list) entry(value any, rows ...[]string) { l.entryOf(value, []any{value}, rows...) }

// entryOf is entry for what is several records of CSV.
func (l *list) entryOf(value any, records []any, rows ...[]string) {
	l.entries++
	switch {
	case l.failed != nil: // what cannot be written to now gets no more, and is told of once
	case l.format == "csv":
		for _, record := range records {
			if l.failed == nil {
				l.failed = l.csv.Write(recordOf(record, l.members))
			}
		}
	case l.format == "json":
		var text bytes.Buffer
		if l.failed = writeJSON(&text, value); l.failed != nil {
			return
		}
		separator := ",\n"
		if l.entries == 1 {
			separator = "[\n"
		}
		_, l.failed = io.WriteString(l.out, separator+strings.TrimSuffix(text.String(), "\n"))
	default:
		for _, row := range rows {
			l.waiting = append(l.waiting, l.cells(row))
		}
	}
}

// cells are the texts of a row that are shown, as far as a column can be wide.
func (l *list) cells(row []string) []string {
	cells := make([]string, 0, len(l.columns))
	for i, text := range row {
		if l.shown[i] {
			cells = append(cells, text)
		}
	}
	return cells
}

// cell is the text of a column as it can be shown in a width. Most of them are the sender's.
func (l *list) cell(column, text string, width int) string {
	if column == valueColumn && l.wide {
		return terminal.JSONCell([]byte(text), width)
	}
	return terminal.Cell(text, width)
}

// pages reads page after page until one comes short or as many entries have been written as are to be shown, and then
// closes the list.
func (l *list) pages(limit int, read func(limit int) (int, error)) error {
	defer l.pager.end()
	for {
		want := page
		if limit > 0 {
			want = min(page, limit-l.entries)
		}
		got, err := read(want)
		if err = errors.Join(err, l.failed); err != nil {
			return err
		}
		if l.format == "text" { // a page at a time, so that a long list does not wait in memory
			if err := l.flush(); err != nil {
				return err
			}
		}
		if got < want || limit > 0 && l.entries >= limit {
			return l.close()
		}
	}
}

// flush writes the rows of the table that wait, in columns that are as wide as the widest of them.
func (l *list) flush() error {
	if len(l.waiting) == 0 {
		return nil
	}
	widths := l.fitted()
	var text strings.Builder
	for _, row := range l.waiting {
		for i, content := range row {
			shown := l.cell(l.columns[i], content, widths[i])
			text.WriteString(shown)
			if i < len(row)-1 {
				text.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(shown)+columnGap))
			}
		}
		text.WriteByte('\n')
	}
	l.waiting = nil
	_, err := l.out.Write([]byte(text.String()))
	return err
}

// fitted are the widths of the columns: those of their texts, or less where the rows would not fit the screen.
func (l *list) fitted() []int {
	widths := make([]int, len(l.columns))
	total := columnGap * (len(widths) - 1)
	for i, column := range l.columns {
		most := cellWidth
		if own, ok := columnWidths[column]; ok {
			most = own
		}
		for _, row := range l.waiting {
			widths[i] = max(widths[i], utf8.RuneCountInString(l.cell(column, row[i], most)))
		}
		total += widths[i]
	}
	for over := total - screenWidth; over > 0 && !l.wide; {
		widest := -1
		for i, column := range l.columns {
			if slices.Contains(flexible, column) && widths[i] > max(leastWidth, len(column)) &&
				(widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		over--
	}
	return widths
}

func (l *list) close() error {
	switch l.format {
	case "csv":
		l.csv.Flush()
		return errors.Join(l.failed, l.csv.Error())
	case "text":
		defer l.pager.end()
		return l.flush()
	}
	end := "\n]\n"
	if l.entries == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(l.out, end)
	return err
}
