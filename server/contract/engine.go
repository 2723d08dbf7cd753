package contract

import (
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"
	problem "github.com/santhosh-tekuri/jsonschema/v6/kind"
)

var errFormat = errors.New("the value has another format")

// formats are those that the check enforces, with what is said when a value lacks it: an integer beyond them could not
// be bound.
var formats = map[string]*format{
	"int32": integerFormat("int32", 31, "the integer must be from -2147483648 to 2147483647"),
	"int64": integerFormat("int64", 63, "the integer must be from -9223372036854775808 to 9223372036854775807"),
}

// textFormats are those that a string is to have, which JSON Schema takes for a word about it: one that lacks it, be it
// because it is empty, is still the string that the contract asks for, and is told of as lint.
var textFormats = map[string]*textFormat{
	"date": {regexp.MustCompile(openapi3.FormatOfStringDate), "the string is not a date, such as 2025-12-31"},
	"date-time": {regexp.MustCompile(openapi3.FormatOfStringDateTime), "the string is not a date and time, such as " +
		"2025-12-31T23:59:59Z"},
	"byte": {regexp.MustCompile(openapi3.FormatOfStringByte), "the string is not base64"},
}

type textFormat struct {
	expression *regexp.Regexp
	detail     string
}

type format struct {
	engine jsonschema.Format
	detail string
}

func integerFormat(name string, bits int, detail string) *format {
	return &format{jsonschema.Format{Name: name, Validate: func(v any) error {
		if literal, ok := v.(fmt.Stringer); ok && !inRange([]byte(literal.String()), bits) { // a json.Number
			return errFormat
		}
		return nil
	}}, detail}
}

// inRange reports whether a number, if it is an integer, is one of that many bits and a sign.
func inRange(literal []byte, bits int) bool {
	value := readDecimal(literal)
	if !value.whole() {
		return true
	}
	v, ok := value.int64()
	return ok && v>>bits == v>>63
}

// memberNames is propertyNames. The engine's own reports the names at a place that it has overwritten by then.
type memberNames struct{ schema *jsonschema.Schema }

func (m memberNames) Validate(ctx *jsonschema.ValidatorContext, v any) {
	members, _ := v.(map[string]any)
	for name := range members {
		if m.schema.Validate(name) != nil {
			ctx.AddError(&problem.PropertyNames{Property: name})
		}
	}
}

// engines has the engine compile every schema that was read.
func (c *compiler) engines() (map[string]*schema, error) {
	byURL := map[string]*schema{}
	for _, s := range c.all {
		if s.reaches(s, (*schema).inPlace, map[*schema]bool{}) {
			return nil, compileError(s.spec, "$ref", "the schema applies itself to the same value without end")
		}
	}
	for _, s := range c.all {
		tokens := strings.Split(s.spec, "/")
		for i := range tokens {
			tokens[i] = url.PathEscape(tokens[i])
		}
		compiled, err := c.engine.Compile(documentURL + "#" + strings.Join(tokens, "/"))
		if err != nil {
			return nil, fmt.Errorf("cannot compile the schema at %s: %w", s.spec, err)
		}
		s.engine, byURL[compiled.Location] = compiled, s
	}
	for _, s := range c.all {
		s.recursive = s.reaches(s, (*schema).parts, map[*schema]bool{})
		s.scope = gather(nil, s)
		s.part()
	}
	return byURL, nil
}

// part prepares the engine's schema: const, enum and format end the engine's look at a value, so they become entries of
// allOf, that nothing else that is wrong with the value goes untold.
func (s *schema) part() {
	e := s.engine
	simple := e.UnevaluatedItems == nil && e.UnevaluatedProperties == nil && len(s.inPlace()) == 0
	s.whole = e.Const != nil || e.Enum != nil || e.UniqueItems || e.Contains != nil
	var apart []*jsonschema.Schema
	if e.Const != nil {
		apart = append(apart, &jsonschema.Schema{DraftVersion: e.DraftVersion, Location: e.Location, Const: e.Const})
	}
	if e.Enum != nil {
		apart = append(apart, &jsonschema.Schema{DraftVersion: e.DraftVersion, Location: e.Location, Enum: e.Enum})
	}
	if f := formats[s.format]; f != nil {
		apart = append(apart, &jsonschema.Schema{DraftVersion: e.DraftVersion, Location: e.Location, Format: &f.engine})
	}
	e.Const, e.Enum, e.AllOf = nil, nil, append(e.AllOf[:len(e.AllOf):len(e.AllOf)], apart...)
	if e.PropertyNames != nil {
		e.Extensions = append(e.Extensions, memberNames{e.PropertyNames})
		e.PropertyNames = nil
	}
	if simple && e.Bool == nil {
		anything := true
		shallow := *e
		shallow.Items2020, shallow.PrefixItems, shallow.Properties = nil, nil, map[string]*jsonschema.Schema{}
		for name := range e.Properties {
			shallow.Properties[name] = &jsonschema.Schema{Bool: &anything}
		}
		shallow.PatternProperties = map[jsonschema.Regexp]*jsonschema.Schema{}
		for pattern := range e.PatternProperties {
			shallow.PatternProperties[pattern] = &jsonschema.Schema{Bool: &anything}
		}
		if _, ok := e.AdditionalProperties.(*jsonschema.Schema); ok {
			shallow.AdditionalProperties = nil
		}
		s.shallow = &shallow
	}
}

// multiple is a multiple of ten and of the digits of every multipleOf, or 0 when it would be too large to reckon with.
func (c *compiler) multiple() uint64 {
	all := big.NewInt(10)
	for _, s := range c.all {
		if s.engine.MultipleOf == nil {
			continue
		}
		n := readDecimal([]byte(written(s.engine.MultipleOf)))
		digits, _ := new(big.Int).SetString(string(n.appendDigits(nil, 0, n.digits())), 10)
		common := new(big.Int).GCD(nil, nil, all, digits)
		all.Div(all.Mul(all, digits), common)
	}
	if all.BitLen() > 60 {
		return 0
	}
	return all.Uint64()
}
