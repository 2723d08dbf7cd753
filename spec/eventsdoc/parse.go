package eventsdoc

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

	"gopkg.in/yaml.v3"
)

const (
	maxDepth = 500       // how deep a document may be nested
	maxNodes = 1_000_000 // how many values it may hold, YAML aliases expanded
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// parse reads a document as JSON when it begins like a value of JSON, else as YAML. In the tree, whatever it was made
// of, keys are strings, there are no aliases, scalars are as JSON writes them, and columns count UTF-16 code units.
func parse(raw []byte) (*yaml.Node, error) {
	raw = bytes.TrimPrefix(raw, byteOrderMark)
	if !utf8.Valid(raw) {
		return nil, errors.New("it is not UTF-8")
	}
	trimmed := bytes.TrimLeft(raw, " \t\r\n")
	if len(trimmed) == 0 {
		return nil, errors.New("it is empty")
	}
	if trimmed[0] == '{' || trimmed[0] == '[' {
		p := jsonParser{raw: raw, tokens: json.NewDecoder(bytes.NewReader(raw)), ruler: ruler{text: raw, line: 1, column: 1}}
		p.tokens.UseNumber()
		return p.document()
	}
	p := yamlParser{lines: bytes.Split(raw, []byte("\n"))}
	return p.document(raw)
}

// ruler turns byte offsets into positions. It only moves forward, so that measuring a whole document costs one pass.
type ruler struct {
	text         []byte
	offset       int
	line, column int
}

func (r *ruler) at(offset int) (line, column int) {
	for r.offset < offset {
		c, size := utf8.DecodeRune(r.text[r.offset:])
		r.offset += size
		if c == '\n' {
			r.line, r.column = r.line+1, 1
		} else {
			r.column += utf16.RuneLen(c)
		}
	}
	return r.line, r.column
}

// jsonParser builds a tree out of the standard library's tokens; it adds positions, a bound on the depth, and the
// refusal of duplicate members. A YAML parser would refuse some JSON (surrogate pairs in \u escapes), and forgive much
// that is not JSON.
type jsonParser struct {
	raw    []byte
	tokens *json.Decoder
	ruler  ruler
	nodes  int
}

func (p *jsonParser) document() (*yaml.Node, error) {
	root, err := p.value(0)
	if err != nil {
		return nil, err
	}
	line, column := p.next()
	if _, err := p.tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%d:%d: something follows the document", line, column)
	}
	return root, nil
}

// next is where the next token begins. The decoder tells only where the last one ended.
func (p *jsonParser) next() (line, column int) {
	offset := int(p.tokens.InputOffset())
	for offset < len(p.raw) && strings.IndexByte(" \t\r\n,:", p.raw[offset]) >= 0 {
		offset++
	}
	return p.ruler.at(offset)
}

// token reads one more token, and gives an empty node at its place.
func (p *jsonParser) token() (json.Token, *yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.ScalarNode}
	n.Line, n.Column = p.next()
	token, err := p.tokens.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, n, fmt.Errorf("%d:%d: it is not JSON: %w", n.Line, n.Column, err)
	}
	return token, n, nil
}

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	token, n, err := p.token()
	if err != nil {
		return nil, err
	}
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("it holds more than %d values", maxNodes)
	}
	switch token := token.(type) {
	case nil:
		n.Tag, n.Value = "!!null", "null"
		return n, nil
	case bool:
		n.Tag, n.Value = "!!bool", fmt.Sprint(token)
		return n, nil
	case json.Number:
		n.Tag, n.Value = numberTag(token.String()), token.String()
		return n, nil
	case string:
		n.Tag, n.Value = "!!str", token
		return n, nil
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%d:%d: it is nested deeper than %d", n.Line, n.Column, maxDepth)
	}
	n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
	names := map[string]bool{}
	if token == json.Delim('{') {
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
	}
	for p.tokens.More() {
		if err := p.child(n, names, depth+1); err != nil {
			return nil, err
		}
	}
	_, _, err = p.token() // the closing bracket
	return n, err
}

func numberTag(literal string) string {
	if strings.ContainsAny(literal, ".eE") {
		return "!!float"
	}
	return "!!int"
}

// child reads one more element or member into n.
func (p *jsonParser) child(n *yaml.Node, names map[string]bool, depth int) error {
	if n.Kind == yaml.MappingNode {
		token, key, err := p.token()
		if err != nil {
			return err
		}
		key.Tag, key.Value = "!!str", token.(string)
		if names[key.Value] {
			return fmt.Errorf("%d:%d: the member %s stands twice in one object", key.Line, key.Column, quote(key.Value))
		}
		names[key.Value] = true
		n.Content = append(n.Content, key)
	}
	value, err := p.value(depth)
	n.Content = append(n.Content, value)
	return err
}

// yamlParser makes of a YAML tree what jsonParser would have made of the same document in JSON.
type yamlParser struct {
	lines [][]byte
	nodes int
}

func (p *yamlParser) document(raw []byte) (*yaml.Node, error) {
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

// at puts a node where y stands. YAML counts columns in characters.
func (p *yamlParser) at(n, y *yaml.Node) *yaml.Node {
	n.Line, n.Column = 1, 1
	if y.Line < 1 || y.Line > len(p.lines) {
		return n
	}
	line := p.lines[y.Line-1]
	n.Line = y.Line
	for characters := 1; characters < y.Column && len(line) > 0; characters++ {
		c, size := utf8.DecodeRune(line)
		n.Column += utf16.RuneLen(c)
		line = line[size:]
	}
	return n
}

func (p *yamlParser) value(y *yaml.Node, depth int) (*yaml.Node, error) {
	n := p.at(&yaml.Node{Kind: y.Kind}, y)
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("it holds more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("%d:%d: it is nested deeper than %d", n.Line, n.Column, maxDepth)
	}
	switch y.Kind {
	case yaml.AliasNode:
		return p.value(y.Alias, depth+1)
	case yaml.SequenceNode:
		n.Tag = "!!seq"
		for _, item := range y.Content {
			value, err := p.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, value)
		}
		return n, nil
	case yaml.MappingNode:
		return n, p.members(n, y, depth+1)
	}
	return n, p.scalar(n, y)
}

func (p *yamlParser) members(n, y *yaml.Node, depth int) error {
	n.Tag = "!!map"
	names := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := p.at(text(y.Content[i].Value), y.Content[i])
		if y.Content[i].Kind != yaml.ScalarNode || y.Content[i].Tag == "!!merge" {
			return fmt.Errorf("%d:%d: only plain member names are understood here", key.Line, key.Column)
		}
		value, err := p.value(y.Content[i+1], depth)
		if err != nil {
			return err
		}
		if names[key.Value] {
			return fmt.Errorf("%d:%d: the member %s stands twice in one object", key.Line, key.Column, quote(key.Value))
		}
		names[key.Value] = true
		n.Content = append(n.Content, key, value)
	}
	return nil
}

// scalar fills in a plain value. What JSON has no kind for (a date, say) is a string.
func (p *yamlParser) scalar(n, y *yaml.Node) error {
	n.Kind, n.Tag, n.Value = yaml.ScalarNode, y.ShortTag(), y.Value
	switch n.Tag {
	case "!!null":
		n.Value = "null"
	case "!!bool":
		var value bool
		if err := y.Decode(&value); err != nil {
			return fmt.Errorf("%d:%d: %w", n.Line, n.Column, err)
		}
		n.Value = fmt.Sprint(value)
	case "!!int", "!!float":
		literal, err := numberLiteral(y)
		if err != nil {
			n.Tag = "!!str" // .inf and .nan are numbers in YAML alone
			return nil
		}
		n.Tag, n.Value = numberTag(literal), literal
	default:
		n.Tag = "!!str"
	}
	return nil
}

// numberLiteral writes a number of YAML, which may be spelt 0x10, 1_000 or .5, as JSON writes it, with all its digits.
func numberLiteral(y *yaml.Node) (string, error) {
	if json.Valid([]byte(y.Value)) {
		return y.Value, nil
	}
	plain := strings.ReplaceAll(y.Value, "_", "")
	if value, exact := new(big.Int).SetString(plain, 0); exact {
		return value.String(), nil
	}
	var value float64
	if err := y.Decode(&value); err != nil {
		return "", err
	}
	literal, err := json.Marshal(value)
	return string(literal), err
}
