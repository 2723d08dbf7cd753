package contract

import (
	"errors"
	"math/big"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	problem "github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// explain tells what the engine found wrong with the value at node i. Of the engine's errors it takes the kind and the
// place; their texts quote values.
func (w *walk) explain(err error, i uint32) {
	if fault, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		w.fault(fault, i)
	}
}

func (w *walk) fault(e *jsonschema.ValidationError, from uint32) {
	switch e.ErrorKind.(type) {
	case *problem.Schema, *problem.Group, *problem.Reference, *problem.AllOf:
		for _, cause := range e.Causes {
			w.fault(cause, from)
		}
		return
	}
	i, s := w.locate(from, e.InstanceLocation), w.schemas[e.SchemaURL]
	w.heard = s != nil && s.closes != nil && s.closes.hears(w.d, i, e.InstanceLocation)
	defer func() { w.heard = false }()
	switch k := e.ErrorKind.(type) {
	case *problem.AnyOf:
		w.alternatives(ruleAnyOf, s, "anyOf", s.anyOf, e, from)
	case *problem.OneOf:
		if k.Subschemas == nil {
			w.alternatives(ruleOneOf, s, "oneOf", s.oneOf, e, from)
			return
		}
		w.tell(ruleOneOf, s, "oneOf", i, "the value fits more than one of the contract's alternatives, where it may fit "+
			"one only")
	case *problem.Required:
		for _, name := range k.Missing {
			w.tellMissing(ruleRequired, s, "required", i, name, "the member "+strconv.Quote(name)+" is required")
		}
	case *problem.DependentRequired:
		for _, name := range k.Missing {
			w.tellMissing(ruleDependentRequired, s, "dependentRequired", i, name, "the member "+strconv.Quote(name)+
				" is required where "+strconv.Quote(k.Prop)+" is present")
		}
	case *problem.AdditionalProperties:
		for _, name := range k.Properties {
			w.tell(ruleAdditional, s, "additionalProperties", w.locate(i, []string{name}), forbiddenText)
		}
	case *problem.PropertyNames:
		w.tell(rulePropertyNames, s, "propertyNames", w.locate(i, []string{k.Property}), "the name of the member is not "+
			"one that the contract allows")
	case *problem.FalseSchema:
		if s.closes != nil && w.d.nodes[i].nameEnd > 0 {
			w.tell(ruleUnevaluated, s, "", i, forbiddenText)
			return
		}
		w.tell(ruleFalse, s, "", i, "the contract allows no value here")
	default:
		rule, keyword, detail := sentence(e.ErrorKind, s)
		w.tell(rule, s, keyword, i, detail)
	}
}

// hears reports whether a schema that s applies to the same value speaks of the member or element at node i. When the
// value does not fit that schema, the engine takes the member for one that nothing has spoken of.
func (s *schema) hears(d *Document, i uint32, tokens []string) bool {
	return slices.ContainsFunc(s.scope, func(one *schema) bool {
		if d.nodes[i].nameEnd > 0 {
			return len(one.speaking(d, i)) > 0
		}
		at, err := strconv.Atoi(tokens[len(tokens)-1])
		return err == nil && one.element(at) != nil
	})
}

const forbiddenText = "the contract allows no member of this name here"

// sentence is what is said of a value that one keyword is against.
func sentence(k jsonschema.ErrorKind, s *schema) (rule *Rule, keyword, detail string) {
	switch k := k.(type) {
	case *problem.Type:
		return ruleType, "type", s.want
	case *problem.Const:
		return ruleConst, "const", "the value must be the one that the contract gives"
	case *problem.Enum:
		return ruleEnum, "enum", "the value must be one of those that the contract lists"
	case *problem.Format:
		return ruleFormat, "format", formats[s.format].detail
	case *problem.MinLength:
		return ruleMinLength, "minLength", "the string must have at least " + amount(k.Want, "character")
	case *problem.MaxLength:
		return ruleMaxLength, "maxLength", "the string must have at most " + amount(k.Want, "character")
	case *problem.Pattern:
		return rulePattern, "pattern", "the string must match the contract's pattern"
	case *problem.Minimum:
		return ruleMinimum, "minimum", "the number must be at least " + written(k.Want)
	case *problem.Maximum:
		return ruleMaximum, "maximum", "the number must be at most " + written(k.Want)
	case *problem.ExclusiveMinimum:
		return ruleExclusiveMinimum, "exclusiveMinimum", "the number must be greater than " + written(k.Want)
	case *problem.ExclusiveMaximum:
		return ruleExclusiveMaximum, "exclusiveMaximum", "the number must be less than " + written(k.Want)
	case *problem.MultipleOf:
		return ruleMultipleOf, "multipleOf", "the number must be a multiple of " + written(k.Want)
	case *problem.MinItems:
		return ruleMinItems, "minItems", "the array must have at least " + amount(k.Want, "element")
	case *problem.MaxItems:
		return ruleMaxItems, "maxItems", "the array must have at most " + amount(k.Want, "element")
	case *problem.UniqueItems:
		return ruleUniqueItems, "uniqueItems", "no two elements of the array may be equal"
	case *problem.Contains, *problem.MinContains, *problem.MaxContains:
		return ruleContains, "contains", s.containsText()
	case *problem.MinProperties:
		return ruleMinProperties, "minProperties", "the object must have at least " + amount(k.Want, "member")
	case *problem.MaxProperties:
		return ruleMaxProperties, "maxProperties", "the object must have at most " + amount(k.Want, "member")
	}
	return ruleNot, "not", "the value is one that the contract rules out"
}

func (s *schema) containsText() string {
	least := 1
	if s.engine.MinContains != nil {
		least = *s.engine.MinContains
	}
	detail := "the array must have at least " + amount(least, "element") + " that fits the schema of contains"
	if most := s.engine.MaxContains; most != nil {
		detail += ", and at most " + amount(*most, "such element")
	}
	return detail
}

// written is a bound of the document's, which is a double.
func written(bound *big.Rat) string {
	value, _ := bound.Float64()
	return strconv.FormatFloat(value, 'g', -1, 64)
}

func amount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// alternatives tells why none of the alternatives fits. When the type of the value leaves only one of them, it tells
// what is wrong by that one.
func (w *walk) alternatives(rule *Rule, s *schema, keyword string, list []*schema, e *jsonschema.ValidationError,
	from uint32) {
	i := w.locate(from, e.InstanceLocation)
	only := -1
	for at, sub := range list {
		if !sub.accepts(w.d, &w.d.nodes[i]) {
			continue
		}
		if only >= 0 {
			only = -1
			break
		}
		only = at
	}
	if only >= 0 && only < len(e.Causes) {
		w.fault(e.Causes[only], from)
		return
	}
	w.tell(rule, s, keyword, i, "the value fits none of the contract's alternatives")
}

// index is where the members or elements of a container are.
type index struct {
	names map[string]uint32
	list  []uint32
}

// locate leads from the value at node i along names and numbers.
func (w *walk) locate(i uint32, tokens []string) uint32 {
	d := w.d
	for _, token := range tokens {
		in := w.indexes[i]
		if in == nil {
			in = &index{names: map[string]uint32{}}
			for c := range d.children(i) {
				if d.nodes[i].kind == object {
					in.names[string(d.nameOf(c))] = c
				} else {
					in.list = append(in.list, c)
				}
			}
			if w.indexes == nil {
				w.indexes = map[uint32]*index{}
			}
			w.indexes[i] = in
		}
		if d.nodes[i].kind == object {
			i = in.names[token]
		} else if at, err := strconv.Atoi(token); err == nil && at < len(in.list) {
			i = in.list[at]
		}
	}
	return i
}
