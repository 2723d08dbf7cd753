package page

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// How many entries a list shows, and how many a file of CSV has at most: each page of them is one call.
const (
	listEntries = 50
	callEntries = 1000
	fileEntries = 10_000
)

// cell is one cell of a table.
type cell struct {
	Text  string
	Link  string    // where it leads
	Time  time.Time // instead of a text
	State string    // names a colour; the text says the same
}

func words(text string) cell { return cell{Text: text} }

func count(n int64) cell { return cell{Text: strconv.FormatInt(n, 10)} }

func state(name string) cell { return cell{Text: name, State: name} }

func link(text, path string, pairs ...string) cell {
	return cell{Text: text, Link: address(path, pairs...)}
}

func at(t time.Time) cell { return cell{Time: t} }

func maybe(t *time.Time) cell {
	if t == nil {
		return cell{}
	}
	return at(*t)
}

// millis is a time by the sender's clock.
func millis(ts int64) cell { return at(time.UnixMilli(ts)) }

// address is a path with a query of names, each with its value, without those that are empty.
func address(path string, pairs ...string) string {
	query := queryOf(pairs...)
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func queryOf(pairs ...string) url.Values {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return query
}

// table is shown on a screen, and as CSV.
type table struct {
	Name    string // in the address of the CSV
	Caption string
	Columns []string
	Rows    [][]cell
	Empty   string // what to say without rows
	CSV     string // address of the CSV
	Next    string // address of the next page; empty on the last one
}

// listed fills a table from a list of the API: fill asks for a page of it and returns where the next one begins. On a
// screen it is the page that is asked for; as CSV it is everything from there on, within bounds.
func (v *visit) listed(t *table, fill func(query url.Values) (next string, err error)) error {
	after := v.asked("after")
	many := listEntries
	if v.wants(t) {
		many = callEntries
	}
	for {
		query := queryOf("after", after, "limit", strconv.Itoa(many))
		next, err := fill(query)
		if err != nil {
			return err
		}
		after = next
		if next == "" || !v.wants(t) || len(t.Rows) >= fileEntries {
			break
		}
	}
	if after != "" {
		t.Next = v.here("after", after)
	}
	return nil
}

// wants reports whether the table is asked for as CSV.
func (v *visit) wants(t *table) bool { return v.asked("csv") == t.Name }

// here is this screen's address with another value of one parameter.
func (v *visit) here(name, value string) string {
	query := v.r.URL.Query()
	query.Set(name, value)
	return v.r.URL.Path + "?" + query.Encode()
}

// shown answers a screen, or the one of its tables that is asked for as CSV.
func (v *visit) shown(screen, title string, data any, tables ...*table) error {
	for _, t := range tables {
		if v.wants(t) {
			return v.file(t)
		}
		t.CSV = v.here("csv", t.Name)
	}
	return v.show(screen, title, data)
}

// file answers a table as CSV (RFC 4180). One that is cut says so in its last line.
func (v *visit) file(t *table) error {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	_ = w.Write(t.Columns) // a buffer takes everything
	for _, row := range t.Rows {
		fields := make([]string, len(row))
		for i, c := range row {
			fields[i] = c.field()
		}
		_ = w.Write(fields)
	}
	if t.Next != "" {
		_ = w.Write([]string{"there are more: narrow the list, or go on with " + t.Next})
	}
	w.Flush()
	h := v.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="numhook-`+t.Name+`.csv"`)
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(out.Bytes())
	return nil
}

// field is the cell in CSV. A program that calculates takes what begins so for a formula; a number of a telephone with
// its plus is none.
func (c cell) field() string {
	if !c.Time.IsZero() {
		return c.Time.UTC().Format(time.RFC3339Nano)
	}
	text := string(harmless([]byte(strings.ReplaceAll(c.Text, "\n", " "))))
	plain := strings.TrimLeft(text, " ")
	if plain == "" || !strings.ContainsRune("=+-@", rune(plain[0])) {
		return text
	}
	if plain == text && strings.Trim(text[1:], "0123456789") == "" && text[0] == '+' {
		return text
	}
	return "'" + text
}
