package validation

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"numhook/server/terminal"
)

// How many columns of a terminal a frame shows before and behind the position at most, and how wide a tab is in it.
const (
	frameBefore = 60
	frameBehind = 50
	tabWidth    = 4
)

const ellipsis = "…"

// frame is the line around a position, as a terminal can show it, and in which column of it the position is, from 0.
func frame(where excerpt) (line string, caret int) {
	before, cutBefore := tail(where.text[:where.at])
	behind, cutBehind := start(where.text[where.at:])
	left := cells(before)
	total := 0
	for _, c := range left {
		total += c.width
	}
	for len(left) > 0 && total > frameBefore {
		total -= left[0].width
		left, cutBefore = left[1:], true
	}
	var shown strings.Builder
	if cutBefore {
		shown.WriteString(ellipsis)
		total++
	}
	for _, c := range left {
		shown.WriteString(c.text)
	}
	room := frameBehind
	for _, c := range cells(behind) {
		if room -= c.width; room < 0 {
			cutBehind = true
			break
		}
		shown.WriteString(c.text)
	}
	if cutBehind {
		shown.WriteString(ellipsis)
	}
	return strings.TrimRight(shown.String(), " "), total
}

// tail is the end of the text, from the last line end on, and whether something of the line before it is left out.
func tail(text []byte) (line []byte, cut bool) {
	if len(text) > frameBefore*utf8.UTFMax {
		text, cut = text[len(text)-frameBefore*utf8.UTFMax:], true
		for len(text) > 0 && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	if at := bytes.LastIndexAny(text, "\r\n"); at >= 0 {
		return text[at+1:], false
	}
	return bytes.TrimPrefix(text, bom), cut
}

// start is the beginning of the text up to a line end, and whether something of the line is left out.
func start(text []byte) (line []byte, cut bool) {
	if len(text) > frameBehind*utf8.UTFMax {
		text, cut = text[:frameBehind*utf8.UTFMax], true
	}
	if at := bytes.IndexAny(text, "\r\n"); at >= 0 {
		return text[:at], false
	}
	return text, cut
}

// commandMark stands for a second "#" in a row.
const commandMark = `\u0023`

// cell is a character as it is shown.
type cell struct {
	text  string
	width int
}

func cells(text []byte) []cell {
	list := make([]cell, 0, len(text))
	for last := rune(0); len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		switch shown := terminal.Line(string(text[:size])); {
		case r == '#' && last == '#': // the log of a CI job would take "##[" for a command
			list = append(list, cell{commandMark, len(commandMark)})
		case shown != string(r) && r != '\t':
			list = append(list, cell{shown, len(shown)})
		default:
			list = append(list, cellOf(r))
		}
		last, text = r, text[size:]
	}
	return list
}

func cellOf(r rune) cell {
	switch {
	case r >= ' ' && r <= '~':
		return cell{string(r), 1}
	case r == '\t':
		return cell{strings.Repeat(" ", tabWidth), tabWidth}
	case unicode.In(r, unicode.Mn, unicode.Me):
		return cell{string(r), 0}
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return cell{string(r), 2}
	}
	return cell{string(r), 1}
}
