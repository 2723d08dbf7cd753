package validation

import (
	"strconv"
	"strings"

	"numhook/server/terminal"
)

// textReport is for people: each finding with the line that it is in and a caret below the position.
type textReport struct {
	*writer
	color bool
}

// The colours of a terminal.
const (
	plainStyle   = "\x1b[0m"
	boldStyle    = "\x1b[1m"
	errorStyle   = "\x1b[1;31m"
	warningStyle = "\x1b[1;33m"
	faintStyle   = "\x1b[2m"
)

func (t *textReport) in(style, text string) string {
	if !t.color {
		return text
	}
	return style + text + plainStyle
}

func (t *textReport) Finding(f *Finding, where excerpt) {
	if f.Known {
		return
	}
	style := warningStyle
	if f.Level == Error {
		style = errorStyle
	}
	position := terminal.Escape(f.File) + ":" + strconv.Itoa(f.Line) + ":" + strconv.Itoa(f.Column) + ":"
	t.printf("%s %s %s %s\n", t.in(boldStyle, position), t.in(style, string(f.Level)+":"), terminal.Line(f.Message),
		t.in(faintStyle, "("+f.Rule+")"))
	if origin := originOf(f); origin != "" {
		t.printf("  %s\n", t.in(faintStyle, origin))
	}
	number := strconv.Itoa(f.Line)
	line, caret := frame(where)
	t.printf("  %s %s\n", t.in(faintStyle, number+" |"), line)
	t.printf("  %s %s%s\n", t.in(faintStyle, strings.Repeat(" ", len(number))+" |"), strings.Repeat(" ", caret),
		t.in(style, "^"))
}

// originOf says where in the payload and where in the document a finding comes from.
func originOf(f *Finding) string {
	var parts []string
	if f.Payload > 0 {
		pointer := terminal.Escape(f.Pointer)
		if pointer == "" {
			pointer = "the root"
		}
		parts = append(parts, "at "+pointer+" of payload "+strconv.Itoa(f.Payload))
		if f.Within != "" {
			parts[0] += " in " + terminal.Escape(f.Within)
		}
	}
	if f.Spec != "" {
		parts = append(parts, "by "+terminal.Escape(f.Spec)+" of the document")
	}
	return strings.Join(parts, ", ")
}

func (t *textReport) Unreadable(string, error) {} // standard error has it
func (t *textReport) File(string, int)         {}

func (t *textReport) End(s Summary) error {
	t.printf("%s\n", s.String())
	return t.Flush()
}
