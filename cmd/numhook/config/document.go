package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// node is a value of the file, or a key.
type node = yaml.Node

// maxNodes bounds the values of a file; a megabyte of brackets would have a million.
const maxNodes = 100_000

// document is the root of the one document that the text holds, or nil when there is nothing to go on with.
func (r *reader) document(text []byte) *node {
	if len(text) > maxFile {
		r.tellAt(1, 1, fmt.Sprintf("the file has more than %d KiB", maxFile>>10), "write the downstreams alone into it")
		return nil
	}
	if line, column, ok := notUTF8(text); ok {
		r.tellAt(line, column, "the file is not UTF-8 here", "save it as UTF-8")
		return nil
	}
	lines := &lineReader{text: text}
	decoder := yaml.NewDecoder(lines)
	var first, second node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) || err == nil && isNull(first.Content[0]) {
		r.tellAt(1, 1, "the file is empty", "write downstreams: and a list below it, or downstreams: [] for none")
		return nil
	} else if err != nil {
		r.tellSyntax(err, lines)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.tell(&second, "there is a second document in the file", "write one list, without a line --- between its entries")
	case !errors.Is(err, io.EOF):
		r.tellSyntax(err, lines)
	}
	root := first.Content[0]
	if count := 0; !r.plain(root, &count) {
		return nil
	}
	return root
}

// plain tells of all that YAML has beyond lists, keys and words, and is false when the file has too many of them.
func (r *reader) plain(n *node, count *int) bool {
	if *count++; *count > maxNodes {
		r.tell(n, fmt.Sprintf("the file has more than %d values", maxNodes), "write the downstreams alone into it")
		return false
	}
	if n.Anchor != "" {
		r.tell(n, "anchors (&) are not taken", "write the value out wherever it is needed")
	}
	if n.Kind == yaml.AliasNode {
		r.tell(n, "aliases (*) are not taken", "write the value out")
		return true // and not what it stands for, which may stand for more
	}
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.ShortTag(), "!!str") {
		r.tell(n, "tags (!) are not taken", "write the value alone")
	}
	for _, child := range n.Content {
		if !r.plain(child, count) {
			return false
		}
	}
	return true
}

// lineReader hands out a line at a time, so that it is known how far the parser went.
type lineReader struct {
	text []byte
	rest []byte // of the line
	line int
}

func (l *lineReader) Read(to []byte) (int, error) {
	if len(l.rest) == 0 {
		if len(l.text) == 0 {
			return 0, io.EOF
		}
		end := bytes.IndexByte(l.text, '\n') + 1
		if end == 0 {
			end = len(l.text)
		}
		l.rest, l.text = l.text[:end], l.text[end:]
		l.line++
	}
	n := copy(to, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

var yamlError = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)

// tellSyntax tells where the text is not YAML. Of what the parser misses it names the line where the list or mapping
// around it began, of what the scanner cannot read the line itself; so of the former the line that was read last is
// told.
func (r *reader) tellSyntax(err error, lines *lineReader) {
	line, text := 1, err.Error()
	if parts := yamlError.FindStringSubmatch(text); parts != nil {
		line, _ = strconv.Atoi(parts[1])
		text = parts[2]
	}
	if strings.HasPrefix(text, "did not find expected") {
		line = lines.line
	}
	r.tellAt(line, 1, "the file is not YAML: "+text, "look at quotes, colons and indentation in this line and before it")
}

// notUTF8 finds the first byte that is not UTF-8.
func notUTF8(text []byte) (line, column int, found bool) {
	if utf8.Valid(text) {
		return 0, 0, false
	}
	line, column = 1, 1
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		if c == utf8.RuneError && size == 1 {
			break
		}
		if column++; c == '\n' {
			line, column = line+1, 1
		}
		text = text[size:]
	}
	return line, column, true
}
