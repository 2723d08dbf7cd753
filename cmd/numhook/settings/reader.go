package settings

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader takes values out of the file, and notes what is wrong with them. Of an alias it says nothing, as document has.
type reader struct {
	file, folder string
	events       []string
	problems     []Problem
	warnings     []Problem
	serving      bool  // what attempts can wait for is no problem
	secretAt     *node // the first value that may be a secret
}

// object is a mapping. A key whose value cannot be used has a nil value: that has been told.
type object struct {
	node   *node
	values map[string]*node
	keys   map[string]*node
	meant  []string // keys that seem to be there, misspelt
}

// lacks reports whether a key is not there, not even misspelt.
func (o object) lacks(key string) bool { return o.keys[key] == nil && !slices.Contains(o.meant, key) }

func isNull(n *node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// object takes a mapping with the keys given, and tells of all others.
func (r *reader) object(n *node, what string, keys ...string) (object, bool) {
	if n.Kind != yaml.MappingNode {
		if n.Kind != yaml.AliasNode {
			r.tell(n, what+" must have keys", "write "+keys[0]+": and a value")
		}
		return object{}, false
	}
	o := object{node: n, values: map[string]*node{}, keys: map[string]*node{}}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch first := o.keys[key.Value]; {
		case key.Kind == yaml.AliasNode:
		case key.Kind != yaml.ScalarNode:
			r.tell(key, "a key must be a word", "write one of "+oneOf(keys))
		case !slices.Contains(keys, key.Value):
			o.meant = append(o.meant, r.tellUnknown(key, "key", keys))
		case first != nil:
			r.tell(key, fmt.Sprintf("the key %s is there already, on line %d", key.Value, first.Line), "leave one of the two out")
		case isNull(value):
			r.tell(key, "the key "+key.Value+" has no value", "give it one, or leave it out")
			o.keys[key.Value], o.values[key.Value] = key, nil
		default:
			o.keys[key.Value], o.values[key.Value] = key, value
		}
	}
	return o, true
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

// list takes a list.
func (r *reader) list(n *node, key string) ([]*node, bool) {
	if n == nil || n.Kind == yaml.AliasNode {
		return nil, false
	}
	if n.Kind != yaml.SequenceNode {
		r.tell(n, key+" must be a list", "write each entry on a line of its own, after a hyphen")
		return nil, false
	}
	return n.Content, true
}

// words takes a list of different texts that is not empty. good says of each what is wrong with it and what to write instead.
func (r *reader) words(n *node, key string, good func(word *node) (wrong, instead string)) (words []string) {
	elements, ok := r.list(n, key)
	if ok && len(elements) == 0 {
		r.tell(n, key+" is an empty list", emptyInstead(key))
	}
	for _, element := range elements {
		word, ok := r.text(element, "an entry of "+key)
		if !ok {
			continue
		}
		if slices.Contains(words, word) {
			r.tell(element, quoted(word)+" is in the list twice", "leave it out here")
			continue
		}
		if wrong, instead := good(element); wrong != "" {
			r.tell(element, wrong, instead)
			continue
		}
		words = append(words, word)
	}
	return words
}

func emptyInstead(key string) string {
	if key == "env" {
		return "leave env out for none"
	}
	return "leave " + key + " out to let everything pass"
}

// text takes a text that is not empty. What YAML takes for something else (1, true) must be quoted: other readers of YAML make another text of it.
func (r *reader) text(n *node, key string) (string, bool) {
	switch {
	case n == nil || n.Kind == yaml.AliasNode:
		return "", false
	case n.Kind != yaml.ScalarNode:
		r.tell(n, key+" must be a text", "write one value, without - or keys")
	case isNull(n):
		r.tell(n, key+" is empty", "write a value")
	case n.ShortTag() != "!!str":
		r.tell(n, key+" must be a text, and YAML reads something else", "put it between quotes")
	case n.Value == "":
		r.tell(n, key+" is empty", "write a value, or leave it out")
	case strings.ContainsRune(n.Value, 0):
		r.tell(n, key+" holds a NUL character", "leave it out")
	default:
		return n.Value, true
	}
	return "", false
}

// word takes one of several words.
func word[W ~string](r *reader, n *node, key string, among ...W) (W, bool) {
	text, ok := r.text(n, key)
	if !ok {
		return "", false
	}
	var known []string
	for _, w := range among {
		if string(w) == text {
			return w, true
		}
		known = append(known, string(w))
	}
	r.tellUnknown(n, key, known)
	return "", false
}

// yes takes true or false.
func (r *reader) yes(n *node, key string) bool {
	if n == nil || n.Kind == yaml.AliasNode {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Value != "true" && n.Value != "false" {
		r.tell(n, key+" must be true or false", "write true or false")
	}
	return n.Value == "true"
}

var wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)

// whole takes a whole number in decimal digits from least to most.
func (r *reader) whole(n *node, key string, least, most int64) (int64, bool) {
	if n == nil || n.Kind == yaml.AliasNode {
		return 0, false
	}
	between := fmt.Sprintf("write a number from %d to %d", least, most)
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || !wholeNumber.MatchString(n.Value) {
		r.tell(n, key+" must be a whole number in decimal digits", between)
		return 0, false
	}
	number, _ := strconv.ParseInt(n.Value, 10, 64)
	if number < least || number > most {
		r.tell(n, fmt.Sprintf("%s is %d", key, number), between)
		return 0, false
	}
	return number, true
}

// decimal takes a number from least to most. absent says what to do for none at all.
func (r *reader) decimal(n *node, key string, least, most float64, absent string) (float64, bool) {
	if n == nil || n.Kind == yaml.AliasNode {
		return 0, false
	}
	between := "write a number from " + plainly(least) + " to " + plainly(most) + absent
	number, err := strconv.ParseFloat(n.Value, 64)
	tag := n.ShortTag()
	if n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" || err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		r.tell(n, key+" must be a number", between)
		return 0, false
	}
	if number < least || number > most {
		r.tell(n, key+" is "+n.Value, between)
		return 0, false
	}
	return number, true
}

func plainly(number float64) string { return strconv.FormatFloat(number, 'f', -1, 64) }

var (
	durationForm = regexp.MustCompile(`^([0-9]{1,9}(\.[0-9]{1,9})?(ms|s|m|h|d))+$`)
	durationPart = regexp.MustCompile(`([0-9.]+)(ms|s|m|h|d)`)
	durationUnit = map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
)

// leastTime is the shortest of all times: attempts and waits of less are mistakes.
const leastTime = time.Millisecond

// duration takes a time such as 10s, 1.5m or 7d, at most the one given.
func (r *reader) duration(n *node, key string, most time.Duration) (time.Duration, bool) {
	if n == nil || n.Kind == yaml.AliasNode {
		return 0, false
	}
	between := "write a time from " + shown(leastTime) + " to " + shown(most)
	if n.Kind != yaml.ScalarNode || isNull(n) || !durationForm.MatchString(n.Value) || len(n.Value) > 40 {
		if n.Kind == yaml.ScalarNode && wholeNumber.MatchString(n.Value) && n.Value[0] != '-' {
			r.tell(n, key+" has no unit", "write it with ms, s, m, h or d, such as "+n.Value+"s")
		} else {
			r.tell(n, key+" must be a time such as 500ms, 10s, 15m, 2h or 7d", between)
		}
		return 0, false
	}
	var sum float64
	for _, part := range durationPart.FindAllStringSubmatch(n.Value, -1) {
		number, _ := strconv.ParseFloat(part[1], 64)
		sum += number * float64(durationUnit[part[2]])
	}
	if sum < float64(leastTime) || sum > float64(most) {
		r.tell(n, key+" is "+n.Value, between)
		return 0, false
	}
	return time.Duration(math.Round(sum)), true
}

// shown is a time as people write it: 15m, and not 15m0s.
func shown(d time.Duration) string {
	for _, unit := range []string{"d", "h", "m", "s", "ms"} {
		if one := durationUnit[unit]; d >= one && d%one == 0 && !(unit == "d" && d < 2*one) {
			return strconv.FormatInt(int64(d/one), 10) + unit
		}
	}
	return d.String()
}

var (
	sizeForm = regexp.MustCompile(`^([1-9][0-9]{0,11})(B|KiB|MiB|GiB)?$`)
	sizeUnit = map[string]int64{"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
)

// size takes a number of bytes such as 100MiB.
func (r *reader) size(n *node, key string, least, most int64) (int64, bool) {
	if n == nil || n.Kind == yaml.AliasNode {
		return 0, false
	}
	between := fmt.Sprintf("write a size from %dKiB to %dGiB, such as 100MiB", least>>10, most>>30)
	parts := sizeForm.FindStringSubmatch(n.Value)
	if n.Kind != yaml.ScalarNode || parts == nil {
		r.tell(n, key+" must be a size", between)
		return 0, false
	}
	number, _ := strconv.ParseInt(parts[1], 10, 64)
	if unit := sizeUnit[parts[2]]; number < least/unit || number > most/unit {
		r.tell(n, key+" is "+n.Value, between)
		return 0, false
	}
	return number * sizeUnit[parts[2]], true
}
