// Package terminal makes text of strangers fit to be shown to people. What a sender, a downstream's answer, a program's output, a document or the name of a file
// says can hold characters that a terminal acts upon, that end a line (and so forge a row), or that turn the order of what stands beside them. Each of these is
// written as an escape, so that it is seen, and does nothing. Nothing is left out and nothing is blotted out: what was there can be told from what is shown.
package terminal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape is the text as one cell of a row. It holds no control character, no line end, no tab, nothing that is invisible or turns the direction of text, and only
// valid UTF-8. The escapes are those of Go and, but for bytes that are no UTF-8 (\x9b) and what lies beyond U+FFFF (\U000e0041), those of JSON: \n \r \t \u001b. A
// backslash is doubled, so that an escape that was typed is told from one that was put there: Unescape gives the text back.
func Escape(text string) string { return escaped(text, true) }

// Line is the text as one line among words of our own, such as an error that quotes what was typed. It differs from Escape in leaving backslashes alone: parts of
// the text may be quoted already.
func Line(text string) string { return escaped(text, false) }

func escaped(text string, double bool) string {
	first := strings.IndexFunc(text, func(r rune) bool { return r == '\\' && double || r == utf8.RuneError || Steers(r) })
	if first < 0 {
		return text
	}
	var shown strings.Builder
	shown.Grow(len(text) + 16)
	shown.WriteString(text[:first])
	for rest := text[first:]; rest != ""; {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			shown.WriteString(`\x` + hex(uint32(rest[0]), 2))
		case r == '\\' && double:
			shown.WriteString(`\\`)
		case Steers(r):
			shown.WriteString(escapeOf(r))
		default:
			shown.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	return shown.String()
}

// Steers reports whether the character is shown as an escape: it is a control (C0, DEL, C1), a format character (bidi controls, zero width, byte order mark, tags),
// a line or paragraph separator, a letter or mark that shows nothing and takes part in no writing of its own (fillers), for private use, or none at all.
func Steers(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false
	}
	return !strconv.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func escapeOf(r rune) string {
	switch {
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r == '\t':
		return `\t`
	case r > 0xFFFF:
		return `\U` + hex(uint32(r), 8)
	}
	return `\u` + hex(uint32(r), 4)
}

func hex(n uint32, digits int) string {
	text := strconv.FormatUint(uint64(n), 16)
	return strings.Repeat("0", digits-len(text)) + text
}

// Unescape gives back what Escape was given.
func Unescape(shown string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(shown, `"`, `\"`) + `"`)
}

// ellipsis marks what was left out of a cell.
const ellipsis = "…"

// Cell is Escape for a list, where one long text must not widen every row: it shows at most width characters. What is left out is marked, and no escape is cut.
func Cell(text string, width int) string {
	ends, used := make([]int, 0, width), make([]int, 0, width) // behind each character: bytes and characters shown
	var shown strings.Builder
	for at, total := 0, 0; at < len(text); { // a text may be a megabyte: only what is shown is looked at
		_, size := utf8.DecodeRuneInString(text[at:])
		piece := Escape(text[at : at+size])
		total += utf8.RuneCountInString(piece)
		if total > width {
			for len(used) > 0 && used[len(used)-1] >= width { // room for the mark
				ends, used = ends[:len(ends)-1], used[:len(used)-1]
			}
			end := 0
			if len(ends) > 0 {
				end = ends[len(ends)-1]
			}
			return shown.String()[:end] + ellipsis
		}
		shown.WriteString(piece)
		ends, used = append(ends, shown.Len()), append(used, total)
		at += size
	}
	return shown.String()
}
