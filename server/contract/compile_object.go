package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

func (c *compiler) object(s *schema, from *openapi3.Schema) (err error) {
	rules := objectRules{least: int(from.MinProps), most: most(from.MaxProps), declares: len(from.Properties) > 0}
	if err = c.members(&rules, s.spec, from); err != nil {
		return err
	}
	for _, pattern := range names(from.PatternProperties) {
		compiled, err := compilePattern(pattern)
		if err != nil {
			return compileError(s.spec, "patternProperties", err.Error())
		}
		sub, err := c.ref(from.PatternProperties[pattern], s.spec+"/patternProperties/"+escapeToken(pattern))
		if err != nil {
			return err
		}
		rules.patterns = append(rules.patterns, patternRule{compiled, sub})
		s.layered = true
	}
	if from.AdditionalProperties.Schema != nil {
		if rules.additional, err = c.ref(from.AdditionalProperties.Schema, s.spec+"/additionalProperties"); err != nil {
			return err
		}
	}
	if has := from.AdditionalProperties.Has; has != nil {
		rules.closed, rules.open = !*has, *has
	}
	if from.PropertyNames != nil {
		if rules.names, err = c.ref(from.PropertyNames, s.spec+"/propertyNames"); err != nil {
			return err
		}
	}
	if err = c.depends(&rules, s, from); err != nil {
		return err
	}
	if rules.properties == nil && rules.patterns == nil && rules.additional == nil && !rules.closed && !rules.open &&
		rules.names == nil && rules.depends == nil &&
		rules.least == 0 && rules.most < 0 {
		return nil
	}
	rules.leastText = "the object must have at least " + amount(rules.least, "member")
	rules.mostText = "the object must have at most " + amount(rules.most, "member")
	s.object = &rules
	return nil
}

// members compiles properties and required into one table.
func (c *compiler) members(rules *objectRules, pointer string, from *openapi3.Schema) error {
	for _, name := range names(from.Properties) {
		sub, err := c.ref(from.Properties[name], pointer+"/properties/"+escapeToken(name))
		if err != nil {
			return err
		}
		rules.properties = append(rules.properties, property{keyOf(name), sub, -1})
	}
	for _, name := range from.Required {
		at := slices.IndexFunc(rules.properties, func(p property) bool { return p.key.name == name })
		if at < 0 {
			at = len(rules.properties)
			rules.properties = append(rules.properties, property{keyOf(name), nil, -1})
		}
		if rules.properties[at].required >= 0 {
			continue
		}
		rules.properties[at].required = len(rules.required)
		rules.required = append(rules.required, required{name, "the member " + strconv.Quote(name) + " is required"})
	}
	if len(rules.properties) == 0 {
		return nil
	}
	size := 8
	for size < 4*len(rules.properties) {
		size *= 2
	}
	if len(rules.properties) > 10_000 {
		return compileError(pointer, "properties", "more than 10,000 members are named")
	}
	rules.slots = make([]uint16, size)
	for i := range rules.properties {
		at := rules.properties[i].key.hash & uint32(size-1)
		for rules.slots[at] != 0 {
			at = (at + 1) & uint32(size-1)
		}
		rules.slots[at] = uint16(i + 1)
	}
	return nil
}

func (c *compiler) depends(rules *objectRules, s *schema, from *openapi3.Schema) error {
	for _, name := range names(from.DependentRequired) {
		one := dependency{when: keyOf(name)}
		for _, other := range from.DependentRequired[name] {
			one.required = append(one.required, keyOf(other))
			one.details = append(one.details, fmt.Sprintf("the member %q is required where %q is present", other, name))
		}
		rules.depends = append(rules.depends, one)
	}
	for _, name := range names(from.DependentSchemas) {
		sub, err := c.ref(from.DependentSchemas[name], s.spec+"/dependentSchemas/"+escapeToken(name))
		if err != nil {
			return err
		}
		rules.depends = append(rules.depends, dependency{when: keyOf(name), schema: sub})
		s.layered = true
	}
	return nil
}

// unicodeEscape is how ECMAScript, and so JSON Schema, writes a character by its code; Go writes \x{...}.
var unicodeEscape = regexp.MustCompile(`\\u([0-9a-fA-F]{4})`)

func compilePattern(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(unicodeEscape.ReplaceAllString(pattern, `\x{$1}`))
}
