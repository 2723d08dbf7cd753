package terminal

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is the JSON text with everything that Steers as an escape of JSON, and with no "##", which only a string can
// hold. It is the same value. JSON itself escapes only C0: DEL, C1 and bidi controls pass it. A byte that is no UTF-8
// becomes what readers of JSON take it for, U+FFFD.
func JSON(text []byte) []byte {
	if bytes.IndexFunc(text, jsonEscapes) < 0 && !bytes.Contains(text, []byte("##")) {
		return text
	}
	shown := make([]byte, 0, len(text)+64)
	for last := rune(0); len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		switch {
		case !jsonEscapes(r) && (r != '#' || last != '#'):
			shown = append(shown, text[:size]...)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			shown = appendUnit(appendUnit(shown, high), low)
		default:
			shown = appendUnit(shown, r)
		}
		last, text = r, text[size:]
	}
	return shown
}

// jsonEscapes leaves the white space between JSON's tokens alone. In a string these characters are escaped already.
func jsonEscapes(r rune) bool {
	return r != '\n' && r != '\r' && r != '\t' && (Steers(r) || r == utf8.RuneError)
}

func appendUnit(to []byte, unit rune) []byte {
	return append(append(to, `\u`...), hex(uint32(unit), 4)...)
}
