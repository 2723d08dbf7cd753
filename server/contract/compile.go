package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentURL is what the engine calls the document by. Nothing is ever loaded.
const documentURL = "mem:///document.json"

// compiler reads the document's schemas, each once, and has the engine compile them.
type compiler struct {
	raw    any // the document
	engine *jsonschema.Compiler
	done   map[string]*schema // by pointer
	all    []*schema
}

func compileError(pointer, keyword, why string) error {
	return fmt.Errorf("cannot compile the schema at %s: %s: %s", pointer, keyword, why)
}

type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("the contract is one document") }

func newCompiler(doc *openapi3.T) (*compiler, error) {
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("cannot compile the contract: %w", err)
	}
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("cannot compile the contract: %w", err)
	}
	anonymous(raw)
	c := &compiler{raw: raw, engine: jsonschema.NewCompiler(), done: map[string]*schema{}}
	c.engine.DefaultDraft(jsonschema.Draft2020)
	c.engine.UseLoader(noLoader{})
	c.engine.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) { return compilePattern(pattern) })
	if err := c.engine.AddResource(documentURL, raw); err != nil {
		return nil, fmt.Errorf("cannot compile the contract: %w", err)
	}
	return c, nil
}

// anonymous takes away the names that schemas give themselves: references lead by the document's pointers alone.
func anonymous(v any) {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(name string, value any) bool {
			_, written := value.(string)
			return written && (name == "$id" || name == "$schema")
		})
		for _, one := range v {
			anonymous(one)
		}
	case []any:
		for _, one := range v {
			anonymous(one)
		}
	}
}

// lookup is what the document has at the pointer.
func (c *compiler) lookup(pointer string) (any, bool) {
	v := c.raw
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[token]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			at, err := strconv.Atoi(token)
			if err != nil || at < 0 || at >= len(in) {
				return nil, false
			}
			v = in[at]
		default:
			return nil, false
		}
	}
	return v, true
}

// annotations are the keywords that constrain nothing where they stand beside a $ref.
var annotations = []string{"$comment", "default", "deprecated", "description", "example", "examples", "externalDocs",
	"readOnly", "title", "writeOnly", "xml"}

// refOf is where the $ref leads, and whether it stands alone.
func refOf(m map[string]any) (target string, alone bool) {
	ref, ok := m["$ref"].(string)
	if !ok {
		return "", false
	}
	target, err := url.PathUnescape(strings.TrimPrefix(ref, "#"))
	if err != nil || target == ref {
		return ref, false // the engine refuses it
	}
	for keyword := range m {
		if keyword != "$ref" && !slices.Contains(annotations, keyword) && !strings.HasPrefix(keyword, "x-") {
			return target, false
		}
	}
	return target, true
}

// schema reads the schema at the pointer. A $ref alone is what it leads to.
func (c *compiler) schema(pointer string) (*schema, error) {
	for range 100 {
		if s := c.done[pointer]; s != nil {
			return s, nil
		}
		raw, found := c.lookup(pointer)
		if !found {
			return nil, compileError(pointer, "$ref", "it is not resolved")
		}
		m, _ := raw.(map[string]any)
		target, alone := refOf(m)
		if alone {
			pointer = target
			continue
		}
		s := &schema{spec: pointer}
		c.done[pointer] = s
		c.all = append(c.all, s)
		if is, boolean := raw.(bool); boolean {
			s.never, s.open, s.plain = !is, is, is
			return s, nil
		}
		return s, c.fill(s, m, target)
	}
	return nil, compileError(pointer, "$ref", "the schema applies itself to the same value without end")
}

func (c *compiler) fill(s *schema, m map[string]any, ref string) error {
	if err := unsupported(s.spec, m); err != nil {
		return err
	}
	if err := s.readTypes(m); err != nil {
		return err
	}
	for _, step := range []func(*schema, map[string]any) error{c.members, c.elements, c.layers} {
		if err := step(s, m); err != nil {
			return err
		}
	}
	if ref != "" {
		var err error
		if s.ref, err = c.schema(ref); err != nil {
			return err
		}
	}
	s.plain = true
	for keyword := range m {
		switch keyword {
		case "type", "properties", "required", "additionalProperties", "items", "format":
		default:
			s.plain = s.plain && (slices.Contains(annotations, keyword) || strings.HasPrefix(keyword, "x-"))
		}
	}
	return nil
}

// unsupported names the first keyword that constrains values and that the check does not implement, or that no value
// could be held against.
func unsupported(pointer string, m map[string]any) error {
	for _, keyword := range []string{"$dynamicRef", "$recursiveRef", "additionalItems", "dependencies"} {
		if _, ok := m[keyword]; ok {
			return compileError(pointer, keyword, "the check does not implement this keyword")
		}
	}
	for _, keyword := range []string{"exclusiveMinimum", "exclusiveMaximum"} {
		if _, ok := m[keyword].(bool); ok {
			return compileError(pointer, keyword, "it is a number in OpenAPI 3.1, not a boolean")
		}
	}
	if literal, ok := m["multipleOf"].(json.Number); ok {
		if value := readDecimal([]byte(literal)); value.negative || value.digits() == 0 {
			return compileError(pointer, "multipleOf", "it is not greater than zero")
		}
	}
	if pattern, ok := m["pattern"].(string); ok {
		if _, err := compilePattern(pattern); err != nil {
			return compileError(pointer, "pattern", err.Error())
		}
	}
	return nil
}

var typeNames = map[string]kind{
	"null": null, "boolean": boolean, "integer": integer, "number": number, "string": text, "array": array,
	"object": object,
}

var kindTexts = map[kind]string{
	null: "null", boolean: "a boolean", integer: "an integer", number: "a number", text: "a string", array: "an array",
	object: "an object",
}

func (s *schema) readTypes(m map[string]any) error {
	list, many := m["type"].([]any)
	if one, ok := m["type"]; ok && !many {
		list = []any{one}
	}
	var words []string
	for _, one := range list {
		name, _ := one.(string)
		k, ok := typeNames[name]
		if !ok {
			return compileError(s.spec, "type", fmt.Sprintf("there is no type %q", name))
		}
		s.types |= k
		words = append(words, kindTexts[k])
	}
	s.want = "the value must be " + strings.Join(words, " or ")
	s.format, _ = m["format"].(string)
	s.custom = textFormats[s.format]
	return nil
}

// one reads the schema of a keyword, if it is there.
func (c *compiler) one(s *schema, m map[string]any, to **schema, keyword string) (err error) {
	if _, ok := m[keyword]; ok {
		*to, err = c.schema(s.spec + "/" + keyword)
	}
	return err
}

func (c *compiler) list(s *schema, m map[string]any, keyword string) (list []*schema, err error) {
	raw, _ := m[keyword].([]any)
	for i := range raw {
		sub, err := c.schema(fmt.Sprintf("%s/%s/%d", s.spec, keyword, i))
		if err != nil {
			return nil, err
		}
		list = append(list, sub)
	}
	return list, nil
}

func (c *compiler) members(s *schema, m map[string]any) error {
	properties, _ := m["properties"].(map[string]any)
	s.declares = len(properties) > 0
	s.properties = map[string]*property{}
	for _, name := range names(properties) {
		sub, err := c.schema(s.spec + "/properties/" + escapeToken(name))
		if err != nil {
			return err
		}
		s.properties[name] = &property{sub, false}
	}
	required, _ := m["required"].([]any)
	for _, one := range required {
		name, _ := one.(string)
		if s.properties[name] == nil {
			s.properties[name] = new(property)
		}
		s.properties[name].required = true
	}
	s.required = len(required)
	patterns, _ := m["patternProperties"].(map[string]any)
	for _, pattern := range names(patterns) {
		compiled, err := compilePattern(pattern)
		if err != nil {
			return compileError(s.spec, "patternProperties", err.Error())
		}
		sub, err := c.schema(s.spec + "/patternProperties/" + escapeToken(pattern))
		if err != nil {
			return err
		}
		s.patterns = append(s.patterns, patternRule{compiled, sub})
	}
	if has, ok := m["additionalProperties"].(bool); ok {
		s.closed = !has
	} else if err := c.one(s, m, &s.additional, "additionalProperties"); err != nil {
		return err
	}
	err := errors.Join(c.one(s, m, &s.unevaluated, "unevaluatedProperties"), c.one(s, m, &s.names, "propertyNames"))
	if s.unevaluated != nil {
		s.unevaluated.closes = s
	}
	return err
}

func (c *compiler) elements(s *schema, m map[string]any) (err error) {
	if s.prefix, err = c.list(s, m, "prefixItems"); err != nil {
		return err
	}
	err = errors.Join(c.one(s, m, &s.items, "items"), c.one(s, m, &s.contains, "contains"),
		c.one(s, m, &s.leftItems, "unevaluatedItems"))
	if s.leftItems != nil {
		s.leftItems.closes = s
	}
	return err
}

func (c *compiler) layers(s *schema, m map[string]any) (err error) {
	for keyword, to := range map[string]*[]*schema{"allOf": &s.allOf, "anyOf": &s.anyOf, "oneOf": &s.oneOf} {
		if *to, err = c.list(s, m, keyword); err != nil {
			return err
		}
	}
	if err := c.one(s, m, &s.not, "not"); err != nil {
		return err
	}
	if _, conditional := m["if"]; conditional {
		branches := make([]*schema, 3)
		for i, keyword := range []string{"if", "then", "else"} {
			if err := c.one(s, m, &branches[i], keyword); err != nil {
				return err
			}
		}
		s.branches = withoutNil(branches)
	}
	dependent, _ := m["dependentSchemas"].(map[string]any)
	for _, name := range names(dependent) {
		sub, err := c.schema(s.spec + "/dependentSchemas/" + escapeToken(name))
		if err != nil {
			return err
		}
		s.branches = append(s.branches, sub)
	}
	return nil
}

// names are the keys of a map in order, so that a document always compiles to the same contract.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// unicodeEscape is how ECMAScript, and so JSON Schema, writes a character by its code; Go writes \x{...}.
var unicodeEscape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

func compilePattern(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(unicodeEscape.ReplaceAllString(pattern, `\x{$1}`))
}
