package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// compiler turns schemas into the program. It follows $ref by the schema that kin-openapi has resolved, so a schema is
// compiled once, and recursion ends.
type compiler struct {
	done map[*openapi3.Schema]*schema
	all  []*schema
}

func compileError(pointer, keyword, why string) error {
	return fmt.Errorf("cannot compile the schema at %s: %s: %s", pointer, keyword, why)
}

// ref compiles what a schema reference leads to.
func (c *compiler) ref(r *openapi3.SchemaRef, pointer string) (*schema, error) {
	if r == nil || r.Value == nil {
		return nil, compileError(pointer, "$ref", "it is not resolved")
	}
	if s := c.done[r.Value]; s != nil {
		return s, nil
	}
	s := &schema{spec: pointer}
	c.done[r.Value] = s
	c.all = append(c.all, s)
	if local, ok := strings.CutPrefix(r.Ref, "#"); ok {
		beside, err := siblings(r)
		if err != nil {
			return nil, compileError(pointer, "$ref", err.Error())
		}
		if beside != nil {
			return s, c.join(s, r.Value, beside, local)
		}
		s.spec = local
	}
	return s, c.schema(s, r.Value)
}

func (c *compiler) schema(s *schema, from *openapi3.Schema) error {
	if from.Always != nil {
		s.never, s.leaf = !*from.Always, *from.Always
		return nil
	}
	if err := unsupported(s.spec, from); err != nil {
		return err
	}
	steps := []func(*schema, *openapi3.Schema) error{c.types, c.constants, c.text, c.number, c.array, c.object, c.inPlace,
		c.rest}
	for _, step := range steps {
		if err := step(s, from); err != nil {
			return err
		}
	}
	s.leaf = s.format == formatNone && s.constant == nil && s.enum == nil && s.text == nil && s.number == nil &&
		s.array == nil && s.object == nil &&
		s.inPlace == nil && s.rest == nil
	return nil
}

// unsupported names the first keyword that constrains values and that the check does not implement.
func unsupported(pointer string, from *openapi3.Schema) error {
	const why = "the check does not implement this keyword"
	switch {
	case from.DynamicRef != "":
		return compileError(pointer, "$dynamicRef", why)
	case from.ExclusiveMin.Bool != nil:
		return compileError(pointer, "exclusiveMinimum", "it is a number in OpenAPI 3.1, not a boolean")
	case from.ExclusiveMax.Bool != nil:
		return compileError(pointer, "exclusiveMaximum", "it is a number in OpenAPI 3.1, not a boolean")
	}
	for _, keyword := range []string{"$recursiveRef", "additionalItems", "dependencies", "$ref"} {
		if _, ok := from.Extensions[keyword]; ok {
			return compileError(pointer, keyword, why)
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

func (c *compiler) types(s *schema, from *openapi3.Schema) error {
	var words []string
	for _, name := range from.Type.Slice() {
		k, ok := typeNames[name]
		if !ok {
			return compileError(s.spec, "type", fmt.Sprintf("there is no type %q", name))
		}
		s.types |= k
		words = append(words, kindTexts[k])
	}
	s.want = "the value must be " + strings.Join(words, " or ")
	switch from.Format {
	case "int32":
		s.format = formatInt32
	case "int64":
		s.format = formatInt64
	case "date":
		s.format = formatDate
	case "date-time":
		s.format = formatDateTime
	case "byte":
		s.format = formatByte
	}
	return nil
}

func (c *compiler) constants(s *schema, from *openapi3.Schema) error {
	if from.Const != nil {
		value, err := constantOf(from.Const)
		if err != nil {
			return compileError(s.spec, "const", err.Error())
		}
		s.constant = []constant{value}
	}
	for _, one := range from.Enum {
		value, err := constantOf(one)
		if err != nil {
			return compileError(s.spec, "enum", err.Error())
		}
		s.enum = append(s.enum, value)
	}
	return nil
}

func constantOf(value any) (constant, error) {
	written, err := json.Marshal(value)
	if err != nil {
		return constant{}, err
	}
	d := Parse(written)
	canonical, ok := d.Canonical()
	if !ok {
		return constant{}, fmt.Errorf("its value is not strict JSON")
	}
	k := constant{kind: d.nodes[0].kind, canonical: canonical}
	k.text, _ = d.Text()
	return k, nil
}

func (c *compiler) text(s *schema, from *openapi3.Schema) error {
	rules := textRules{least: int(from.MinLength), most: most(from.MaxLength)}
	if from.Pattern != "" {
		var err error
		if rules.pattern, err = compilePattern(from.Pattern); err != nil {
			return compileError(s.spec, "pattern", err.Error())
		}
	}
	if rules.least == 0 && rules.most < 0 && rules.pattern == nil {
		return nil
	}
	rules.leastText = "the string must have at least " + amount(rules.least, "character")
	rules.mostText = "the string must have at most " + amount(rules.most, "character")
	s.text = &rules
	return nil
}

func (c *compiler) number(s *schema, from *openapi3.Schema) error {
	var rules numberRules
	add := func(keyword string, rule *Rule, value *float64, detail string) {
		if value != nil {
			written := strconv.FormatFloat(*value, 'g', -1, 64)
			rules.bounds = append(rules.bounds, bound{keyword, rule, readDecimal([]byte(written)), "the number must be " +
				detail + " " + written})
		}
	}
	add("minimum", ruleMinimum, from.Min, "at least")
	add("maximum", ruleMaximum, from.Max, "at most")
	add("exclusiveMinimum", ruleExclusiveMinimum, from.ExclusiveMin.Value, "greater than")
	add("exclusiveMaximum", ruleExclusiveMaximum, from.ExclusiveMax.Value, "less than")
	if from.MultipleOf != nil && *from.MultipleOf <= 0 {
		return compileError(s.spec, "multipleOf", "it is not greater than zero")
	}
	add("multipleOf", ruleMultipleOf, from.MultipleOf, "a multiple of")
	if len(rules.bounds) > 0 {
		s.number = &rules
	}
	return nil
}

func (c *compiler) array(s *schema, from *openapi3.Schema) (err error) {
	rules := arrayRules{least: int(from.MinItems), most: most(from.MaxItems), unique: from.UniqueItems, containsMin: 1,
		containsMax: -1}
	if rules.prefix, err = c.list(from.PrefixItems, s.spec+"/prefixItems"); err != nil {
		return err
	}
	if from.Items != nil {
		if rules.items, err = c.ref(from.Items, s.spec+"/items"); err != nil {
			return err
		}
	}
	if from.Contains != nil {
		if rules.contains, err = c.ref(from.Contains, s.spec+"/contains"); err != nil {
			return err
		}
		if from.MinContains != nil {
			rules.containsMin = int(*from.MinContains)
		}
		rules.containsMax = most(from.MaxContains)
		s.layered = true
	}
	if rules.prefix == nil && rules.items == nil && rules.contains == nil && !rules.unique && rules.least == 0 &&
		rules.most < 0 {
		return nil
	}
	rules.leastText = "the array must have at least " + amount(rules.least, "element")
	rules.mostText = "the array must have at most " + amount(rules.most, "element")
	rules.containText = "the array must have at least " + amount(rules.containsMin, "element") +
		" that fits the schema of contains"
	if rules.containsMax >= 0 {
		rules.containText += ", and at most " + amount(rules.containsMax, "such element")
	}
	s.array = &rules
	return nil
}

func (c *compiler) inPlace(s *schema, from *openapi3.Schema) (err error) {
	var rules inPlaceRules
	if rules.allOf, err = c.list(from.AllOf, s.spec+"/allOf"); err != nil {
		return err
	}
	if rules.anyOf, err = c.list(from.AnyOf, s.spec+"/anyOf"); err != nil {
		return err
	}
	if rules.oneOf, err = c.list(from.OneOf, s.spec+"/oneOf"); err != nil {
		return err
	}
	single := []struct {
		to      **schema
		from    *openapi3.SchemaRef
		keyword string
	}{{&rules.not, from.Not, "not"}, {&rules.when, from.If, "if"}, {&rules.then, from.Then, "then"},
		{&rules.others, from.Else, "else"}}
	for _, one := range single {
		if one.from != nil {
			if *one.to, err = c.ref(one.from, s.spec+"/"+one.keyword); err != nil {
				return err
			}
		}
	}
	if rules.when == nil {
		rules.then, rules.others = nil, nil
	}
	if rules.allOf != nil || rules.anyOf != nil || rules.oneOf != nil || rules.not != nil || rules.when != nil {
		s.inPlace = &rules
		s.layered = true
	}
	return nil
}

func (c *compiler) list(refs openapi3.SchemaRefs, pointer string) ([]*schema, error) {
	var list []*schema
	for i, ref := range refs {
		s, err := c.ref(ref, fmt.Sprintf("%s/%d", pointer, i))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// most is an upper bound, or -1 when there is none.
func most(bound *uint64) int {
	if bound == nil || *bound > 1<<62 {
		return -1
	}
	return int(*bound)
}

func amount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// names are the keys of a map in order, so that a document always compiles to the same program.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
