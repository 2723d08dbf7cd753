package compose

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxDepth bounds the nesting of a document. The sender's deepest is below 30; what is deeper is not an events
// document, and would only cost stack.
const maxDepth = 250

// The document is held as YAML nodes, because that is what the overlay is applied to, but it is read and written here:
// a YAML parser refuses some JSON (surrogate pairs in \u escapes) and forgives much that is not JSON.

// readJSON gives the tree of exactly one JSON value, members in the order of the text.
func readJSON(text []byte) (*yaml.Node, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	root, err := readValue(dec, 0)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("it cannot be parsed as JSON: %w (byte %d)", err, dec.InputOffset())
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("it cannot be parsed as JSON: there is more after the first value (byte %d)",
			dec.InputOffset())
	}
	return root, nil
}

func readValue(dec *json.Decoder, depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := tok.(type) {
	case json.Delim:
		if v == '{' {
			return readObject(dec, depth)
		}
		return readArray(dec, depth)
	case string:
		return text(v), nil
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return scalar(tag, v.String()), nil
	case bool:
		return scalar("!!bool", strconv.FormatBool(v)), nil
	default:
		return scalar("!!null", "null"), nil
	}
}

func readObject(dec *json.Decoder, depth int) (*yaml.Node, error) {
	object := mapping()
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := tok.(string)
		if !ok {
			return nil, errors.New("a member has no name")
		}
		if seen[name] {
			return nil, fmt.Errorf("the member %q is there twice", name)
		}
		seen[name] = true
		value, err := readValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		object.Content = append(object.Content, text(name), value)
	}
	_, err := dec.Token()
	return object, err
}

func readArray(dec *json.Decoder, depth int) (*yaml.Node, error) {
	array := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for dec.More() {
		value, err := readValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		array.Content = append(array.Content, value)
	}
	_, err := dec.Token()
	return array, err
}

// writeJSON is the tree as indented JSON with a newline at its end.
func writeJSON(root *yaml.Node) ([]byte, error) {
	var compact, indented bytes.Buffer
	if err := writeValue(&compact, root, false); err != nil {
		return nil, err
	}
	if err := json.Indent(&indented, compact.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	indented.WriteByte('\n')
	return indented.Bytes(), nil
}

// canonical is the same text for every two trees that are deeply equal as JSON: the order of members does not count.
func canonical(n *yaml.Node) string {
	var out bytes.Buffer
	if err := writeValue(&out, n, true); err != nil {
		return fmt.Sprintf("%p", n) // what cannot be written is equal to nothing but itself
	}
	return out.String()
}

func writeValue(out *bytes.Buffer, n *yaml.Node, sorted bool) error {
	switch n.Kind {
	case yaml.MappingNode:
		return writeObject(out, n, sorted)
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeValue(out, element, sorted); err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case yaml.AliasNode:
		return writeValue(out, n.Alias, sorted)
	case yaml.ScalarNode:
		return writeScalar(out, n)
	default:
		return fmt.Errorf("a node of YAML kind %d has no JSON", n.Kind)
	}
}

func writeObject(out *bytes.Buffer, n *yaml.Node, sorted bool) error {
	members := slices.Collect(slices.Chunk(n.Content, 2))
	if sorted {
		slices.SortFunc(members, func(a, b []*yaml.Node) int { return strings.Compare(a[0].Value, b[0].Value) })
	}
	out.WriteByte('{')
	for i, member := range members {
		if i > 0 {
			out.WriteByte(',')
		}
		writeText(out, member[0].Value)
		out.WriteByte(':')
		if err := writeValue(out, member[1], sorted); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

func writeScalar(out *bytes.Buffer, n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		out.WriteString("null")
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			out.WriteString(n.Value)
			return nil
		}
		var v any // YAML spells some of them in its own ways: 0x10, True, .5
		if err := n.Decode(&v); err != nil {
			return err
		}
		literal, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("the YAML value %s has no JSON: %w", n.Value, err)
		}
		out.Write(literal)
	default:
		writeText(out, n.Value)
	}
	return nil
}

func writeText(out *bytes.Buffer, s string) {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s)           // a string always has JSON, and a buffer takes it
	out.Truncate(out.Len() - 1) // the encoder's newline
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func text(s string) *yaml.Node { return scalar("!!str", s) }

func mapping(members ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for pair := range slices.Chunk(members, 2) {
		n.Content = append(n.Content, text(pair[0].(string)), pair[1].(*yaml.Node))
	}
	return n
}

func isMapping(n *yaml.Node) bool  { return n != nil && n.Kind == yaml.MappingNode }
func isSequence(n *yaml.Node) bool { return n != nil && n.Kind == yaml.SequenceNode }
func isText(n *yaml.Node) bool {
	return n != nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str"
}

// valueOf is the text of a string, and empty for all else.
func valueOf(n *yaml.Node) string {
	if !isText(n) {
		return ""
	}
	return n.Value
}

// member is the value of the named member, or nil when n is not an object or lacks it.
func member(n *yaml.Node, name string) *yaml.Node {
	for key, value := range members(n) {
		if key == name {
			return value
		}
	}
	return nil
}

// members goes through an object in order; what is not an object has none.
func members(n *yaml.Node) func(yield func(string, *yaml.Node) bool) {
	return func(yield func(string, *yaml.Node) bool) {
		if !isMapping(n) {
			return
		}
		for pair := range slices.Chunk(slices.Clone(n.Content), 2) {
			if !yield(pair[0].Value, pair[1]) {
				return
			}
		}
	}
}

// set gives an object's member a new value in its old place, or appends it.
func set(n *yaml.Node, name string, value *yaml.Node) {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			n.Content[i+1] = value
			return
		}
	}
	n.Content = append(n.Content, text(name), value)
}

// rename gives an object's member another name.
func rename(n *yaml.Node, name, other string) {
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			n.Content[i] = text(other)
		}
	}
}

// drop removes members from an object.
func drop(n *yaml.Node, names ...string) {
	kept := n.Content[:0:0]
	for name, value := range members(n) {
		if !slices.Contains(names, name) {
			kept = append(kept, text(name), value)
		}
	}
	n.Content = kept
}

// copyOf is a deep copy.
func copyOf(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		c.Content[i] = copyOf(child)
	}
	return &c
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

// pointerTo is the RFC 6901 pointer of a place below another.
func pointerTo(base string, names ...string) string {
	for _, name := range names {
		base += "/" + escaper.Replace(name)
	}
	return base
}
