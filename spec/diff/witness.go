package diff

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	openTries  = 6000 // how many bodies are tried where a rule left open which way a change goes
	quietTries = 400  // and where every rule was sure: a net below them
	maxSeeds   = 64   // how many bodies that fit are kept, to be varied
	maxShown   = 300  // characters of a body that a sentence shows
)

// witness is a body that the new document lets through and the old one refuses.
type witness struct {
	body any
	at   []string // pointers to what in the old document refuses it
}

// search looks for a witness.
type search struct {
	grower
	body           cursor // the new schema
	lets           *jsonschema.Schema
	accepts, takes *jsonschema.Schema // by the old document, as it is written and as the receiver reads it
	ignored        []string           // pointers below which a refusal is no news
	seeds          []any
}

// validators compile schemas of the two documents. A document is made ready once, however many of its events are tried.
type validators struct {
	old, new  *Document
	compilers map[validatorKey]*jsonschema.Compiler
}

type validatorKey struct {
	document   *Document
	asReceived bool
}

// documentURL is the name of a document within its compiler.
const documentURL = "mem:///document.json"

// search makes both bodies ready to be tried; false, when a schema cannot be compiled.
func (v *validators) search(before, after cursor) (*search, bool) {
	if minor(v.old.version) == "3.0" || minor(v.new.version) == "3.0" {
		return nil, false // nullable and the exclusive bounds of 3.0 are no JSON Schema
	}
	s := &search{body: after, grower: grower{Rand: rand.New(rand.NewPCG(1, 2)), document: v.new}}
	var errs [3]error
	s.lets, errs[0] = v.compile(v.new, after, false)
	s.accepts, errs[1] = v.compile(v.old, before, false)
	s.takes, errs[2] = v.compile(v.old, before, true)
	if errors.Join(errs[:]...) != nil {
		return nil, false
	}
	s.collect(v.old, before, map[*node]bool{})
	s.collect(v.new, after, map[*node]bool{})
	s.steady()
	return s, true
}

// compile compiles the schema at the location. The receiver takes members that a closed object does not name.
func (v *validators) compile(d *Document, at cursor, asReceived bool) (*jsonschema.Schema, error) {
	key := validatorKey{d, asReceived}
	compiler, known := v.compilers[key]
	if !known {
		document := plainValue(d.root.node)
		if asReceived {
			document = opened(document)
		}
		var err error
		if compiler, err = newCompiler(document); err != nil {
			return nil, err
		}
		v.compilers[key] = compiler
	}
	return compiler.Compile(documentURL + "#" + (&url.URL{Path: at.pointer}).EscapedPath())
}

func newCompiler(document any) (*jsonschema.Compiler, error) {
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	for _, annotation := range libraryFormats {
		compiler.RegisterFormat(&jsonschema.Format{Name: annotation, Validate: func(any) error { return nil }})
	}
	for format := range integerRanges {
		compiler.RegisterFormat(&jsonschema.Format{Name: format, Validate: inRange(format)})
	}
	return compiler, compiler.AddResource(documentURL, document)
}

// opened is a schema as the receiver reads it: what it does not know is drift.
func opened(v any) any {
	switch v := v.(type) {
	case map[string]any:
		looser := make(map[string]any, len(v))
		for name, value := range v {
			if value != false || name != "additionalProperties" && name != "unevaluatedProperties" {
				looser[name] = opened(value)
			}
		}
		return looser
	case []any:
		looser := make([]any, len(v))
		for i, item := range v {
			looser[i] = opened(item)
		}
		return looser
	}
	return v
}

// find tries bodies: grown ones, and variations of those that fit and of the document's own examples.
func (s *search) find(examples []any, tries int) (witness, bool) {
	for _, example := range examples {
		if w, found := s.try(example); found {
			return w, true
		}
	}
	for range tries {
		var body any
		if len(s.seeds) > 0 && !s.once(3) {
			body = copyOf(of(&s.grower, s.seeds))
			for range 1 + s.IntN(2) {
				body = s.vary(body)
			}
		} else {
			body = s.value(s.body, maxGrown)
		}
		if w, found := s.try(body); found {
			return w, true
		}
	}
	return witness{}, false
}

// try holds one body against both documents.
func (s *search) try(body any) (witness, bool) {
	if s.lets.Validate(body) != nil {
		return witness{}, false
	}
	if len(s.seeds) < maxSeeds {
		s.seeds = append(s.seeds, body)
	} else if s.once(4) {
		s.seeds[s.IntN(len(s.seeds))] = body
	}
	at, refused := s.refusal(body)
	if !refused {
		return witness{}, false
	}
	small := s.shrink(body)
	if smallAt, still := s.refusal(small); still {
		return witness{small, smallAt}, true
	}
	return witness{body, at}, true
}

// refusal is where the old document refuses a body, however it is read.
func (s *search) refusal(body any) ([]string, bool) {
	if s.accepts.Validate(body) == nil {
		return nil, false
	}
	var refused *jsonschema.ValidationError
	if !errors.As(s.takes.Validate(body), &refused) {
		return nil, false
	}
	at := leaves(refused, nil)
	for _, pointer := range at {
		for _, below := range s.ignored {
			if strings.HasPrefix(pointer+"/", below+"/") {
				return nil, false
			}
		}
	}
	return at, true
}

// leaves are the pointers to the keywords that refuse.
func leaves(e *jsonschema.ValidationError, all []string) []string {
	_, pointer, _ := strings.Cut(e.SchemaURL, "#")
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	for _, token := range e.ErrorKind.KeywordPath() {
		pointer += "/" + pointerEscape.Replace(token)
	}
	all = append(all, pointer)
	for _, cause := range e.Causes {
		all = leaves(cause, all)
	}
	return all
}

// vary changes one location of a value.
func (s *search) vary(v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := union(v, v)
		if len(names) == 0 || s.once(6) {
			v[of(&s.grower, s.names)] = s.any()
			return v
		}
		name := of(&s.grower, names)
		if s.once(8) {
			delete(v, name)
		} else {
			v[name] = s.vary(v[name])
		}
		return v
	case []any:
		switch {
		case len(v) == 0 || s.once(5):
			return append(v, s.any())
		case s.once(5):
			return append(v, v[s.IntN(len(v))])
		case s.once(5):
			return v[:len(v)-1]
		}
		i := s.IntN(len(v))
		v[i] = s.vary(v[i])
		return v
	}
	return s.any()
}

// libraryFormats are the formats that the validator would hold values to, and the receiver does not.
var libraryFormats = []string{
	"json-pointer", "relative-json-pointer", "uuid", "duration", "period", "regex", "ipv4", "ipv6", "hostname",
	"idn-hostname", "email", "idn-email", "date", "time", "date-time", "uri", "iri", "uri-reference", "iri-reference",
	"uri-template", "semver",
}

// undecided are the changes of which the rules cannot tell whether more can come than before.
var undecided = set("schema-changed", "one-of-narrowed", "one-of-variant-removed", "one-of-loosened")

// seek looks for a body that can come now and is refused, where no rule has found that there is one. What it finds
// makes the change that explains it a breaking one.
func (c *comparer) seek(v *validators, before, after cursor, examples []any) {
	if v == nil {
		return
	}
	tries := 0
	var ignored []string
	for _, change := range c.changes {
		switch {
		case change.Level == Breaking:
			return
		case change.ID == "optional-member-removed":
			ignored = append(ignored, change.Old.Pointer)
		}
		if undecided[change.ID] {
			tries = openTries
		} else if ruleByID[change.ID].effect != silent {
			tries = max(tries, quietTries)
		}
	}
	if c.otherWords {
		tries = max(tries, quietTries)
	}
	if tries == 0 || !before.exists() || !after.exists() {
		return
	}
	s, ready := v.search(before, after)
	if !ready {
		return
	}
	s.ignored = ignored
	if w, found := s.find(examples, tries); found {
		c.convict(w, before, after)
	}
}

// convict reports a witness: as the open change that stands nearest to what refuses it, or as one of its own.
func (c *comparer) convict(w witness, before, after cursor) {
	best, length := -1, -1
	for i, change := range c.changes {
		if !undecided[change.ID] {
			continue
		}
		for _, position := range []*Location{change.Old, change.New} {
			for _, at := range w.at {
				if position == nil {
					continue
				}
				if n := commonPrefix(position.Pointer, at); n > length {
					best, length = i, n
				}
			}
		}
	}
	rule := ruleByID["body-refused"]
	message := fmt.Sprintf(rule.Means, shown(w.body))
	if best < 0 {
		c.add(rule, before, after, message)
		best = len(c.changes) - 1
	}
	change := &c.changes[best]
	change.ID, change.Level, change.Message = rule.ID, rule.Level, message
	change.Witness, _ = json.Marshal(w.body)
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}
