package event

import (
	"strings"
	"unicode/utf8"
)

// LongestKept is how many bytes of a text that a stranger may have chosen, such as a path, are kept.
const LongestKept = 256

// CutText is the text as valid UTF-8, and at most its first LongestKept bytes: whole characters.
func CutText(text string) string { return cut(strings.ToValidUTF8(text, "\ufffd"), LongestKept) }

// CutPath is the path as valid UTF-8 of at most LongestKept bytes. Of a longer one the beginning is kept, and its last
// segment where that is no longer than half of it: it may name an event.
func CutPath(path string) string {
	path = strings.ToValidUTF8(path, "\ufffd")
	if len(path) <= LongestKept {
		return path
	}
	trimmed := strings.TrimRight(path, "/")
	segment := trimmed[strings.LastIndexByte(trimmed, '/')+1:]
	if len(segment) == 0 || len(segment) >= LongestKept/2 {
		return cut(path, LongestKept)
	}
	return cut(path, LongestKept-len(segment)-1) + "/" + segment
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
