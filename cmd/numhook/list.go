package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"numhook/server/terminal"
)

// shortID is how many digits of an event's identity a table shows; events show takes them.
const shortID = 16

// How wide a cell of a column may be. Lists are for looking over: show prints the whole, and JSON does.
const (
	cellWidth   = 64
	numberWidth = 24 // E.164 has a plus and 15 digits at most
	longWidth   = 160
)

var columnWidths = map[string]int{"NUMBER": numberWidth, valueColumn: longWidth, "REASON": longWidth, "WHY": longWidth}

// valueColumn holds JSON.
const valueColumn = "VALUE"

// tableBuffer is how much of a table is written at once: it writes each cell, and each piece of padding, by itself.
const tableBuffer = 64 << 10

// list writes rows as they are read: a table for people, or one JSON array.
type list struct {
	out     io.Writer
	json    bool
	table   *tabwriter.Writer
	buffer  *bufio.Writer // below the table
	columns []string
	entries int
	failed  error
}

func newList(out io.Writer, format string, columns ...string) *list {
	l := &list{out: out, json: format == "json", columns: columns}
	if !l.json {
		l.buffer = bufio.NewWriterSize(out, tableBuffer)
		l.table = tabwriter.NewWriter(l.buffer, 0, 0, 2, ' ', 0)
		fmt.Fprintln(l.table, strings.Join(columns, "\t"))
	}
	return l
}

// entry writes one entry: as JSON, or as its rows in the table.
func (l *list) entry(value any, rows ...[]string) {
	l.entries++
	if !l.json {
		for _, row := range rows {
			fmt.Fprintln(l.table, strings.Join(l.cells(row), "\t"))
		}
		return
	}
	var text bytes.Buffer
	if l.failed != nil { // what cannot be written to now gets no more, and is told of once
		return
	}
	if l.failed = writeJSON(&text, value); l.failed != nil {
		return
	}
	separator := ",\n"
	if l.entries == 1 {
		separator = "[\n"
	}
	_, l.failed = io.WriteString(l.out, separator+strings.TrimSuffix(text.String(), "\n"))
}

// cells are the texts of a row as they can be shown. Most of them are the sender's.
func (l *list) cells(row []string) []string {
	shown := make([]string, len(row))
	for i, text := range row {
		width := cmp.Or(columnWidths[l.columns[i]], cellWidth)
		if l.columns[i] == valueColumn {
			shown[i] = terminal.JSONCell([]byte(text), width)
		} else {
			shown[i] = terminal.Cell(text, width)
		}
	}
	return shown
}

// pages reads page after page until one comes short or limit entries have been written (0: no limit), and then closes
// the list.
func (l *list) pages(limit int, read func(limit int) (int, error)) error {
	for {
		want := page
		if limit > 0 {
			want = min(page, limit-l.entries)
		}
		got, err := read(want)
		if err = errors.Join(err, l.failed); err != nil {
			return err
		}
		if l.table != nil { // a page at a time, so that a long list does not wait in memory
			if err := l.flush(); err != nil {
				return err
			}
		}
		if got < want || limit > 0 && l.entries >= limit {
			return l.close()
		}
	}
}

// flush writes the rows of the table that wait.
func (l *list) flush() error {
	if err := l.table.Flush(); err != nil {
		return err
	}
	return l.buffer.Flush()
}

func (l *list) close() error {
	if !l.json {
		return l.flush()
	}
	end := "\n]\n"
	if l.entries == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(l.out, end)
	return err
}
