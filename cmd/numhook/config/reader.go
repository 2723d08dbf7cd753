package config

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader takes values out of the file, and notes what is wrong with them. What YAML alone can be wrong with is told
// while the file becomes the value that the schema judges; then what the schema finds; then what only Go can say.
type reader struct {
	file, folder string
	events       []string
	problems     []Problem
	warnings     []Problem
	serving      bool  // what attempts can wait for is no problem
	secretAt     *node // the first value that may be a secret

	// By JSON pointer:
	values map[string]*node
	keys   map[string]*node
	told   map[string]bool     // of what stands here or below it, everything has been told
	meant  map[string][]string // keys that seem to be in this object, misspelt
}

// child is the JSON pointer of what a key or an index leads to.
func child(at, token string) string {
	return at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
}

// last is the last part of a JSON pointer.
func last(at string) string { return at[strings.LastIndexByte(at, '/')+1:] }

// at is the value there, or nil when there is none, or none that can be used.
func (r *reader) at(pointer string) *node {
	n := r.values[pointer]
	if n == nil || n.Kind == yaml.AliasNode || r.covered(pointer) {
		return nil
	}
	return n
}

// covered reports whether all that is wrong there has been told.
func (r *reader) covered(pointer string) bool {
	for ; pointer != ""; pointer = pointer[:strings.LastIndexByte(pointer, '/')] {
		if r.told[pointer] {
			return true
		}
	}
	return r.told[""]
}

// entry is one downstream of the list.
type entry struct {
	*reader
	pointer string
}

// value is what stands behind a key, or behind a path of keys (only/countries), if it can be used.
func (e entry) value(key string) *node { return e.at(e.pointer + "/" + key) }

// text is the same, as it is written; empty when it cannot be used.
func (e entry) text(key string) string {
	if n := e.value(key); n != nil {
		return n.Value
	}
	return ""
}

// list are the elements behind a key that can be used.
func (e entry) list(key string) (elements []*node) {
	n := e.value(key)
	if n == nil {
		return nil
	}
	for i := range n.Content {
		if element := e.value(key + "/" + strconv.Itoa(i)); element != nil {
			elements = append(elements, element)
		}
	}
	return elements
}

// texts are the same, as they are written.
func (e entry) texts(key string) (texts []string) {
	for _, element := range e.list(key) {
		texts = append(texts, element.Value)
	}
	return texts
}

// tellUnknown tells that a word is none of those that are known, and which one may be meant.
func (r *reader) tellUnknown(n *node, what string, known []string) (meant string) {
	instead := "write one of " + oneOf(known)
	if meant = nearest(n.Value, known); meant == "" && len(known) == 1 {
		meant = known[0]
	}
	if meant != "" {
		instead = "write " + meant
	}
	r.tell(n, "unknown "+what+" "+quoted(n.Value), instead)
	return meant
}
