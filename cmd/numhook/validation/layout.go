package validation

import "bytes"

// layout is how payloads lie in a file.
type layout int

// The layouts. A file is read as JSON or as lines by its name; standard input and files of other names by what they
// begin with.
const (
	layoutGuess layout = iota
	layoutJSON         // one payload, or an array of payloads
	layoutLines        // one payload on each line
	layoutArray        // what layoutJSON turns out to be
	layoutWhole        // the other thing that it turns out to be
)

var bom = []byte("\xef\xbb\xbf")

const space = " \t\r\n"

// more reads more text into the block: until it is full, or as much as has come when the stream is live. A full block
// grows. It is false when there is no more.
func (st *stream) more(b *block) bool {
	if len(b.text) == cap(b.text) {
		grown := make([]byte, len(b.text), min(2*cap(b.text), MaxPayload+blockSize))
		copy(grown, b.text)
		b.text = grown
	}
	before := len(b.text)
	for !st.over && len(b.text) < cap(b.text) {
		n := st.readInto(b.text[len(b.text):cap(b.text)])
		b.text = b.text[:len(b.text)+n]
		if st.live && n > 0 {
			break
		}
	}
	return len(b.text) > before
}

// next reads behind what text holds, up to its capacity.
func (st *stream) next(text []byte) []byte {
	for !st.over && len(text) < cap(text) {
		text = text[:len(text)+st.readInto(text[len(text):cap(text)])]
	}
	return text
}

// head drops the byte order mark of a file of many payloads: it is the file's, and none of theirs.
func (st *stream) head(b *block) {
	for len(b.text) < len(bom) && st.more(b) {
		continue
	}
	b.text = append(b.text[:0], bytes.TrimPrefix(b.text, bom)...)
}

// guess finds out how payloads lie in the file by what it begins with. It reads as much as it needs into the block.
func (st *stream) guess(b *block, by layout) layout {
	for st.more(b) && len(b.text) <= MaxPayload &&
		(len(b.text) < len(bom) || len(bytes.TrimLeft(bytes.TrimPrefix(b.text, bom), space)) == 0) {
		continue
	}
	begin := bytes.TrimLeft(bytes.TrimPrefix(b.text, bom), space)
	switch {
	case bytes.HasPrefix(begin, []byte("[")):
		st.head(b)
		return layoutArray
	case by == layoutJSON:
		return layoutWhole
	}
	skip := len(b.text) - len(begin)
	for bytes.IndexByte(b.text[skip:], '\n') < 0 && len(b.text) <= MaxPayload && st.more(b) {
		continue
	}
	line, rest, ended := bytes.Cut(b.text[skip:], lf)
	if len(b.text) > MaxPayload && !ended || ended && whole(line) && (len(bytes.Trim(rest, space)) > 0 || !st.over) {
		st.head(b)
		return layoutLines
	}
	return layoutWhole
}
