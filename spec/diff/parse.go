package diff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxDepth = 500       // how deep a document may be nested
	maxNodes = 1_000_000 // how many values it may hold, YAML aliases expanded
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// parse reads a document as JSON when it begins like an object of JSON, else as YAML.
func parse(raw []byte) (*node, error) {
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	if !utf8.Valid(raw) {
		return nil, errors.New("it is not UTF-8")
	}
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	if len(trimmed) == 0 {
		return nil, errors.New("it is empty")
	}
	if trimmed[0] == '{' || trimmed[0] == '[' {
		p := jsonParser{raw: raw, tokens: json.NewDecoder(bytes.NewReader(raw)),
			ruler: ruler{text: raw, here: position{1, 1}}}
		p.tokens.UseNumber()
		return p.document()
	}
	p := yamlParser{lines: bytes.Split(raw, []byte("\n"))}
	return p.document(raw)
}

// ruler turns byte offsets into positions. It only moves forward, so that measuring a whole document costs one pass.
type ruler struct {
	text   []byte
	offset int
	here   position
}

func (r *ruler) at(offset int) position {
	for r.offset < offset {
		c, size := utf8.DecodeRune(r.text[r.offset:])
		r.offset += size
		if c == '\n' {
			r.here = position{r.here.line + 1, 1}
		} else {
			r.here.column += utf16.RuneLen(c)
		}
	}
	return r.here
}

// jsonParser builds nodes out of the standard library's tokens; it adds positions, a bound on the depth, and the
// refusal of duplicate members.
type jsonParser struct {
	raw    []byte
	tokens *json.Decoder
	ruler  ruler
	nodes  int
}

func (p *jsonParser) document() (*node, error) {
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	at := p.next()
	if _, err := p.tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%d:%d: something follows the document", at.line, at.column)
	}
	return root, nil
}

// next is where the next token begins. The decoder tells only where the last one ended.
func (p *jsonParser) next() position {
	offset := int(p.tokens.InputOffset())
	for offset < len(p.raw) && strings.IndexByte(" \t\r\n,:", p.raw[offset]) >= 0 {
		offset++
	}
	return p.ruler.at(offset)
}

func (p *jsonParser) token() (json.Token, position, error) {
	at := p.next()
	token, err := p.tokens.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, at, fmt.Errorf("%d:%d: it is not JSON: %w", at.line, at.column, err)
	}
	return token, at, nil
}

func (p *jsonParser) value(depth int) (*node, error) {
	token, at, err := p.token()
	if err != nil {
		return nil, err
	}
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("it holds more than %d values", maxNodes)
	}
	switch token := token.(type) {
	case nil:
		return &node{kind: null, at: at}, nil
	case bool:
		return &node{kind: boolean, text: fmt.Sprint(token), at: at}, nil
	case json.Number:
		return &node{kind: number, text: token.String(), at: at}, nil
	case string:
		return &node{kind: text, text: token, at: at}, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%d:%d: it is nested deeper than %d", at.line, at.column, maxDepth)
	}
	n := &node{kind: array, at: at}
	if token == json.Delim('{') {
		n.kind = object
	}
	for p.tokens.More() {
		if err := p.child(n, depth+1); err != nil {
			return nil, err
		}
	}
	_, _, err = p.token() // the closing bracket
	return n, err
}

// child reads one more element or member into n.
func (p *jsonParser) child(n *node, depth int) error {
	if n.kind == array {
		item, err := p.value(depth)
		n.items = append(n.items, item)
		return err
	}
	name, at, err := p.token()
	if err != nil {
		return err
	}
	value, err := p.value(depth)
	if err != nil {
		return err
	}
	if !n.add(member{name.(string), value, at}) {
		return fmt.Errorf("%d:%d: the member %s stands twice in one object", at.line, at.column, quote(name.(string)))
	}
	return nil
}

// yamlParser builds nodes out of a YAML tree.
type yamlParser struct {
	lines [][]byte
	nodes int
}

func (p *yamlParser) document(raw []byte) (*node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var tree, more yaml.Node
	if err := decoder.Decode(&tree); err != nil {
		return nil, fmt.Errorf("it is neither JSON nor YAML: %w", err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one YAML document")
	}
	if len(tree.Content) != 1 {
		return nil, errors.New("it is empty")
	}
	return p.value(tree.Content[0], 0)
}

// at counts the columns of YAML, which are characters, in UTF-16 code units.
func (p *yamlParser) at(y *yaml.Node) position {
	if y.Line < 1 || y.Line > len(p.lines) {
		return position{1, 1}
	}
	column, line := 1, p.lines[y.Line-1]
	for characters := 1; characters < y.Column && len(line) > 0; characters++ {
		c, size := utf8.DecodeRune(line)
		column += utf16.RuneLen(c)
		line = line[size:]
	}
	return position{y.Line, column}
}

func (p *yamlParser) value(y *yaml.Node, depth int) (*node, error) {
	at := p.at(y)
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("it holds more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("%d:%d: it is nested deeper than %d", at.line, at.column, maxDepth)
	}
	n := &node{at: at}
	switch y.Kind {
	case yaml.AliasNode:
		return p.value(y.Alias, depth+1)
	case yaml.ScalarNode:
		return n, p.scalar(n, y)
	case yaml.SequenceNode:
		n.kind = array
		for _, item := range y.Content {
			value, err := p.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, value)
		}
	case yaml.MappingNode:
		n.kind = object
		for i := 0; i+1 < len(y.Content); i += 2 {
			if err := p.member(n, y.Content[i], y.Content[i+1], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

func (p *yamlParser) member(n *node, key, value *yaml.Node, depth int) error {
	at := p.at(key)
	if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
		return fmt.Errorf("%d:%d: only plain member names are understood here", at.line, at.column)
	}
	child, err := p.value(value, depth)
	if err != nil {
		return err
	}
	if !n.add(member{key.Value, child, at}) {
		return fmt.Errorf("%d:%d: the member %s stands twice in one object", at.line, at.column, quote(key.Value))
	}
	return nil
}

// scalar fills in a plain value. What JSON has no kind for (a date, say) is a string.
func (p *yamlParser) scalar(n *node, y *yaml.Node) error {
	n.kind, n.text = text, y.Value
	switch y.ShortTag() {
	case "!!null":
		n.kind, n.text = null, ""
	case "!!bool":
		var value bool
		if err := y.Decode(&value); err != nil {
			return fmt.Errorf("%d:%d: %w", n.at.line, n.at.column, err)
		}
		n.kind, n.text = boolean, fmt.Sprint(value)
	case "!!int":
		n.kind = number
		if value, exact := new(big.Int).SetString(strings.ReplaceAll(y.Value, "_", ""), 0); exact {
			n.text = value.String()
		}
	case "!!float":
		n.kind = number
	}
	return nil
}
