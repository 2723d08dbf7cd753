// Package terminal makes text of strangers fit to be shown to people. What a sender, a downstream's answer, a
// program's output, a document or the name of a file says can hold characters that a terminal acts upon, that end a
// line (and so forge a row), or that turn the order of what stands beside them. Each of these is written as an
// escape, so that it is seen, and does nothing. Nothing is left out and nothing is blotted out: what was there can be
// told from what is shown.
package terminal

import (
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape is the text as one cell of a row. It holds no control character, no line end, no tab, nothing that is
// invisible or turns the direction of text, and only valid UTF-8. The escapes are those of Go and, but for bytes that
// are no UTF-8 (\x9b) and what lies beyond U+FFFF (\U000e0041), those of JSON: \n \r \t \u001b. A backslash is
// doubled, so that an escape that was typed is told from one that was put there: Unescape gives the text back.
//
// The log of a CI job is a terminal of its own kind. What begins with "::" is a command to it, and so is "##[" or
// "##vso[" anywhere: these are broken by an escape.
func Escape(text string) string { return joined(text, true) }

// Line is the text as one line among words of our own, such as an error that quotes what was typed. It differs from
// Escape in leaving backslashes alone: parts of the text may be quoted already.
func Line(text string) string { return joined(text, false) }

// Text is Line for what may have several lines, such as an error that tells of several: those behind the first begin
// with a margin, so that none of them can be taken for one of ours.
func Text(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = Line(line)
		if i > 0 {
			lines[i] = margin + Line(strings.TrimLeft(line, " \t"))
		}
	}
	return strings.Join(lines, "\n")
}

func joined(text string, double bool) string {
	if harmless(text) {
		return text
	}
	var shown strings.Builder
	shown.Grow(len(text) + 16)
	for piece := range pieces(text, double) {
		shown.WriteString(piece)
	}
	return shown.String()
}

// harmless is true of most texts, which are then not copied.
func harmless(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '\\' || c == '#' || c == ':' {
			return false
		}
	}
	return true
}

// pieces are the characters of the text as they are shown.
func pieces(text string, double bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		command := strings.HasPrefix(strings.TrimLeftFunc(text, unicode.IsSpace), "::")
		for last := rune(0); text != ""; {
			r, size := utf8.DecodeRuneInString(text)
			piece := text[:size]
			switch {
			case r == utf8.RuneError && size == 1:
				piece = `\x` + hex(uint32(text[0]), 2)
			case r == '\\' && double:
				piece = `\\`
			case Steers(r), r == '#' && last == '#', r == ':' && command:
				piece = escapeOf(r)
			}
			command = command && r != ':'
			if !yield(piece) {
				return
			}
			last, text = r, text[size:]
		}
	}
}

// Steers reports whether the character is shown as an escape: it is a control (C0, DEL, C1), a format character (bidi
// controls, zero width, byte order mark, tags), a line or paragraph separator, a letter or mark that shows nothing
// and takes part in no writing of its own (fillers), for private use, or none at all.
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

// Cell is Escape for a list, where one long text must not widen every row: it shows at most width characters. What is
// left out is marked, and no escape is cut.
func Cell(text string, width int) string { return cut(text, width, true) }

// JSONCell is Cell for a JSON value, which has escapes of its own.
func JSONCell(value []byte, width int) string { return cut(string(JSON(value)), width, false) }

func cut(text string, width int, double bool) string {
	var shown strings.Builder
	used, fits := 0, 0                        // characters; bytes that leave room for the mark
	for piece := range pieces(text, double) { // a text may be a megabyte: only what is shown is looked at
		used += utf8.RuneCountInString(piece)
		if used > width {
			return shown.String()[:fits] + ellipsis
		}
		shown.WriteString(piece)
		if used < width {
			fits = shown.Len()
		}
	}
	return shown.String()
}
