package validation

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report writes down what a run finds, in the order of the input.
type Report interface {
	Finding(f *Finding, where excerpt)
	Unreadable(file string, err error)
	File(name string, payloads int) // a file has ended
	Flush() error                   // what has been written so far is passed on
	End(Summary) error
}

// excerpt is the text around a finding. It is the block's, and gone after the call.
type excerpt struct {
	text []byte
	at   int
}

// Formats lists the formats that NewReport knows, the default first.
func Formats() []string { return []string{"text", "json", "sarif", "junit", "github"} }

// Style says what a report is to look like, and what it is to say of the run.
type Style struct {
	Color    bool   // text only
	Document string // the name of the document
	Version  string // of the program
	// github and sarif: the folder that file names are shown relative to, when they lie in it; empty for the working
	// directory
	Root  string
	Known bool // there is a baseline
	// sarif only: the rules whose levels were changed
	Levels Levels
	// sarif only: how many results it has at most, errors first; 0 for all
	MaxResults int
	// Tell is told what a report leaves out; may be nil.
	Tell func(text string)
}

// NewReport is a report of that format.
func NewReport(format string, out io.Writer, style Style) (Report, error) {
	w := &writer{Writer: bufio.NewWriterSize(out, 64<<10)}
	switch format {
	case "text":
		return &textReport{writer: w, color: style.Color}, nil
	case "json":
		return newJSONReport(w, style), nil
	case "sarif":
		return newSARIFReport(w, style), nil
	case "junit":
		return newJUnitReport(w), nil
	case "github":
		return &githubReport{writer: w, root: style.Root, shown: map[Level]int{}}, nil
	}
	return nil, fmt.Errorf("cannot report as %q: it must be one of %s", format, strings.Join(Formats(), ", "))
}

// writer remembers its first error, which Flush returns.
type writer struct{ *bufio.Writer }

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(w.Writer, format, args...) }

// String is the summary in words, such as "5 errors and 2 warnings in 3 payloads of 1 file".
func (s Summary) String() string {
	found := []string{}
	for _, n := range []struct {
		count int
		noun  string
	}{{s.Errors, "error"}, {s.Warnings, "warning"}} {
		if n.count > 0 {
			found = append(found, amount(n.count, n.noun))
		}
	}
	text := "no findings"
	if len(found) > 0 {
		text = strings.Join(found, " and ")
	}
	text += " in " + amount(s.Payloads, "payload") + " of " + amount(s.Files, "file")
	for _, more := range []struct {
		count int
		text  string
	}{
		{s.Challenges, "recorded " + plural(s.Challenges, "challenge")}, {s.Known, "known from the baseline"},
		{s.Omitted, "left out"}, {s.Off, "of rules that are switched off"},
		{s.Unreadable, "unreadable"}} {
		if more.count > 0 {
			text += ", " + thousands(more.count) + " " + more.text
		}
	}
	return text
}

func amount(n int, noun string) string { return thousands(n) + " " + plural(n, noun) }

func plural(n int, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// thousands is the number with a comma after each three digits.
func thousands(n int) string {
	digits := []byte(fmt.Sprint(n))
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = slices.Insert(digits, at, ',')
	}
	return string(digits)
}
