package validation

import (
	"bytes"
	"errors"
	"io"
)

// headSize is how much of a file tells what it is.
const headSize = 4

// headed is a reader of which the beginning has been looked at.
type headed struct {
	head []byte
	from io.Reader
}

func (h *headed) Read(to []byte) (int, error) {
	if len(h.head) == 0 {
		return h.from.Read(to)
	}
	n := copy(to, h.head)
	h.head = h.head[n:]
	return n, nil
}

// look reads the beginning, and gives it back with the rest.
func look(from io.Reader) (head []byte, all io.Reader, err error) {
	head = make([]byte, headSize)
	n, err := io.ReadFull(from, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, err
	}
	return head[:n], &headed{head[:n], from}, nil
}

// packed says what a file is that has to be unpacked first, by what it begins with. It is empty for any other.
func packed(head []byte) string {
	for _, form := range []struct{ begin, text string }{
		{"PK\x03\x04", "it is a zip archive: unpack it first"},
		{"PK\x05\x06", "it is a zip archive, and an empty one"},
		{"\x1f\x8b", "it is gzip data: name it *.gz, or unpack it on the way, such as with zcat"},
		{"\x28\xb5\x2f\xfd", "it is packed with zstd: unpack it first"},
		{"\xfd7zX", "it is packed with xz: unpack it first"},
		{"BZh", "it is packed with bzip2: unpack it first"},
	} {
		if bytes.HasPrefix(head, []byte(form.begin)) {
			return form.text
		}
	}
	return ""
}

// wide names the encoding of a text that is not UTF-8 but one of its wider relatives: by its byte order mark, or by
// where its zeros are, as the first characters of a JSON text are ASCII. It is empty for any other.
func wide(head []byte) string {
	if len(head) == headSize {
		zeros := [headSize]bool{head[0] == 0, head[1] == 0, head[2] == 0, head[3] == 0}
		switch {
		case bytes.Equal(head, []byte("\xff\xfe\x00\x00")), bytes.Equal(head, []byte("\x00\x00\xfe\xff")),
			zeros == [headSize]bool{false, true, true, true}, zeros == [headSize]bool{true, true, true, false}:
			return "UTF-32"
		case zeros == [headSize]bool{false, true, false, true}, zeros == [headSize]bool{true, false, true, false}:
			return "UTF-16"
		}
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return "UTF-16"
	}
	return ""
}

// notUTF8 is the fault of such a text, of which nothing else can be said.
func notUTF8(encoding string) *fault {
	return &fault{rule: ruleUTF8, message: "the text is " + encoding + ", and JSON is exchanged as UTF-8: convert it, " +
		"such as with iconv -f " + encoding + " -t UTF-8"}
}

// spread is the end of a value that begins at from and goes on over the end of its line, which is at next. It is false
// for a line that was cut off, or is no JSON.
func spread(text []byte, from, next int) (end int, is bool) {
	line := bytes.TrimRight(text[from:next], space)
	if line[0] != '{' && line[0] != '[' || line[len(line)-1] == '}' || line[len(line)-1] == ']' {
		return 0, false
	}
	if rest := bytes.TrimLeft(text[next:], space); line[0] == '{' && bytes.HasPrefix(rest, []byte("{")) {
		return 0, false
	}
	k := brackets{}
	if end = k.read(text, from); end <= next || k.broken {
		return 0, false
	}
	rest, _, _ := bytes.Cut(text[end:], lf)
	return end, len(bytes.Trim(rest, space)) == 0
}

// wholeLines is up to where lines can be handed over: a value that goes on over several of them stays together, as far
// as a block has room.
func wholeLines(text []byte) int {
	cut := bytes.LastIndexByte(text, '\n') + 1
	if cut == 0 {
		return 0
	}
	last := text[bytes.LastIndexByte(text[:cut-1], '\n')+1 : cut]
	if len(bytes.Trim(last, space)) == 0 || whole(last) {
		return cut
	}
	if at := bytes.LastIndex(text[:cut], []byte("\n{")) + 1; at > 0 {
		return at
	}
	return cut
}
