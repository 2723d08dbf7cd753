package contract

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// scanText reads on within a string, and returns the position of its closing quote, or -1; a fault is in node i. The
// flags are those of a value. The callers have skipped what stands for itself, which is the whole of most strings.
func (d *Document) scanText(i uint32, pos int) (int, uint8) {
	raw := d.raw
	var flags uint8
	for {
		pos = skipPlain(raw, pos)
		if pos >= len(raw) {
			return d.fail(ruleSyntax, i, pos, "the body ends within a string"), flags
		}
		switch c := raw[pos]; {
		case c == '"':
			return pos, flags
		case c == '\\':
			flags |= escaped
			var wideEscape bool
			if pos, wideEscape = d.scanEscape(i, pos); pos < 0 {
				return -1, flags
			}
			if wideEscape {
				flags |= wide
			}
		case c < ' ':
			return d.fail(ruleSyntax, i, pos, "a control character stands unescaped in a string"), flags
		default:
			flags |= wide
			r, size := utf8.DecodeRune(raw[pos:])
			if r == utf8.RuneError && size == 1 {
				return d.fail(ruleUTF8, i, pos, "the string is not valid UTF-8"), flags
			}
			pos += size
		}
	}
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// skipPlain leads past bytes that stand for themselves in a string: no quote, no backslash, no control character,
// nothing beyond ASCII. It looks at eight bytes at a time; a borrow can only raise the alarm above a byte that raised
// it rightly, so the lowest alarm is exact.
func skipPlain(raw []byte, pos int) int {
	for pos+8 <= len(raw) {
		w := binary.LittleEndian.Uint64(raw[pos:])
		alarm := (w | (w - ' '*lows) | ((w ^ '"'*lows) - lows) | ((w ^ '\\'*lows) - lows)) & highs
		if alarm != 0 {
			return pos + bits.TrailingZeros64(alarm)>>3
		}
		pos += 8
	}
	for pos < len(raw) {
		if c := raw[pos]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			return pos
		}
		pos++
	}
	return pos
}

// scanEscape reads the escape at pos and returns the position after it, or -1, and whether it stands for something
// beyond ASCII.
func (d *Document) scanEscape(i uint32, pos int) (int, bool) {
	raw := d.raw
	if pos+1 >= len(raw) {
		return d.fail(ruleSyntax, i, len(raw), "the body ends within a string"), false
	}
	switch raw[pos+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return pos + 2, false
	case 'u':
	default:
		return d.fail(ruleSyntax, i, pos, "no escape of JSON begins like this"), false
	}
	r, ok := hex4(raw, pos+2)
	if !ok {
		return d.fail(ruleSyntax, i, pos, "four hexadecimal digits are expected after \\u"), false
	}
	if !utf16.IsSurrogate(r) {
		return pos + 6, r >= utf8.RuneSelf
	}
	if low, ok := hex4(raw, pos+8); ok && raw[pos+6] == '\\' && raw[pos+7] == 'u' &&
		utf16.DecodeRune(r, low) != unicode.ReplacementChar {
		return pos + 12, true
	}
	return d.fail(ruleSurrogate, i, pos, "the escape is one half of a surrogate pair without the other half"), false
}

// hex4 reads four hexadecimal digits.
func hex4(raw []byte, pos int) (rune, bool) {
	if pos+4 > len(raw) {
		return 0, false
	}
	var r rune
	for _, c := range raw[pos : pos+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape appends what the inside of a string stands for. The scanner has seen it before, so its escapes are whole.
func unescape(to, inside []byte) []byte {
	for {
		at := bytes.IndexByte(inside, '\\')
		if at < 0 {
			return append(to, inside...)
		}
		to = append(to, inside[:at]...)
		switch c := inside[at+1]; c {
		case 'u':
			r, _ := hex4(inside, at+2)
			if utf16.IsSurrogate(r) {
				low, _ := hex4(inside, at+8)
				r = utf16.DecodeRune(r, low)
				at += 6
			}
			to = utf8.AppendRune(to, r)
			at += 4
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		default:
			to = append(to, c)
		}
		inside = inside[at+2:]
	}
}

// seeds differ in every process, so that nobody can write a body whose member names all fall into one place of a table.
var seeds = [3]uint64{seed(), seed(), seed()}

func seed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, by its contract
	return binary.LittleEndian.Uint64(b[:]) | 1
}

// hashName is a hash of a member name that is equal for names equal under Unicode case folding (strings.EqualFold).
func (d *Document) hashName(inside []byte, flags uint8) uint32 {
	if flags == 0 {
		return hashFolded(inside)
	}
	if flags&escaped != 0 {
		d.decoded[0] = unescape(d.decoded[0][:0], inside)
		inside = d.decoded[0]
	}
	d.folded = fold(d.folded[:0], inside)
	return hashFolded(d.folded)
}

// hashText is hashName for a name that is not in the body.
func hashText(name []byte) uint32 { return hashFolded(fold(nil, name)) }

// fold appends the text with each character replaced by the least one that it equals under case folding.
func fold(to, name []byte) []byte {
	for len(name) > 0 {
		r, size := utf8.DecodeRune(name)
		name = name[size:]
		least := r
		if r >= utf8.RuneSelf {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				least = min(least, f)
			}
		}
		to = utf8.AppendRune(to, least)
	}
	return to
}

// hashFolded takes ASCII letters of both cases for one by setting bit 5 of every byte; that it takes some other bytes
// for one, too, costs nothing but a comparison.
func hashFolded(b []byte) uint32 {
	const lower = 0x20 * lows
	h := seeds[0] ^ uint64(len(b))
	for len(b) > 8 {
		h = mix(h, binary.LittleEndian.Uint64(b)|lower)
		b = b[8:]
	}
	var tail uint64
	switch n := len(b); {
	case n == 8:
		tail = binary.LittleEndian.Uint64(b)
	case n >= 4:
		tail = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		tail = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	return uint32(mix(h, tail|lower) >> 7)
}

func mix(h, w uint64) uint64 {
	hi, lo := bits.Mul64(h^seeds[1], w^seeds[2])
	return hi ^ lo
}

// hashBytes is a hash for which only equal bytes are one.
func hashBytes(b []byte) uint32 {
	h := seeds[0] ^ uint64(len(b))
	for len(b) >= 8 {
		h = mix(h, binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	var tail uint64
	for _, c := range b {
		tail = tail<<8 | uint64(c)
	}
	return uint32(mix(h, tail) >> 7)
}
