package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v3"
)

// judge holds the file against the schema, and tells of each finding what is wrong there and what to write instead. The
// schema says that a place is wrong; the words come from what it asks for there and from what is there.
func (r *reader) judge(root *node) {
	value := r.value(root, "")
	var list []*jsonschema.ValidationError
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](compiled().Validate(value)); ok {
		list = findings(invalid, nil)
	}
	for _, found := range list { // first what does not go with the url: of its value nothing else is said
		if _, ok := found.ErrorKind.(*kind.FalseSchema); ok {
			r.tellFit(pointer(found))
		}
	}
	for _, found := range list {
		at := pointer(found)
		switch what := found.ErrorKind.(type) {
		case *kind.FalseSchema, *kind.AdditionalProperties, *kind.PropertyNames: // told above, and in object
		case *kind.Required:
			for _, key := range what.Missing {
				r.tellMissing(at, key)
			}
		case *kind.DependentRequired:
			r.tell(r.keys[child(at, what.Prop)], what.Prop+" is there without "+what.Missing[0], "write both, or none")
		default:
			if !r.covered(at) {
				r.told[at] = r.explain(at)
			}
		}
	}
}

// findings are the places that the schema refuses. What stands behind a choice or its opposite counts as one.
func findings(e *jsonschema.ValidationError, list []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.Not, *kind.PropertyNames:
		return append(list, e)
	}
	if len(e.Causes) == 0 {
		return append(list, e)
	}
	for _, cause := range e.Causes {
		list = findings(cause, list)
	}
	return list
}

// pointer is where the finding is.
func pointer(e *jsonschema.ValidationError) (at string) {
	for _, token := range e.InstanceLocation {
		at = child(at, token)
	}
	return at
}

// missing are the keys that must be there, with what is said where one is not.
var missing = map[string][2]string{
	"downstreams": {"the key downstreams is missing", "write downstreams: and a list below it (- name: ...)"},
	"name":        {"the downstream has no name", "write name: and a word that stays the same, such as e911"},
	"url":         {"the downstream has no url", "write url: and one of " + oneOf(schemes) + ", such as " + forms[HTTPS]},
	"app_id":      {"the recovery has no app_id", "write app_id: and the id of the app whose deliveries are looked for"},
	"account_id":  {"the recovery has no account_id", "write account_id: and the id of the account"},
	"client_id":   {"the recovery has no client_id", "write client_id: and the id of the server-to-server OAuth app"},
	"client_secret_file": {"the recovery has no client_secret_file",
		"write client_secret_file: and the name of a file with the secret of that app"},
	"secret_file": {
		"the downstream has no secret_file, without which it could not tell changes from forgeries",
		"write secret_file: and the name of a file with whsec_<base64>, one a line",
	},
}

func (r *reader) tellMissing(at, key string) {
	_, known := schemeOf(r.at(child(at, "url")))
	if !slices.Contains(r.meant[at], key) && (known || key != "secret_file") {
		r.tell(r.values[at], missing[key][0], missing[key][1])
	}
}

// tellFit tells of a key that says nothing for the scheme of the url. Of an unknown scheme it says nothing. Which
// schemes the key goes with is asked of the schema.
func (r *reader) tellFit(at string) {
	key := last(at)
	scheme, known := schemeOf(r.at(child(strings.TrimSuffix(at, "/"+key), "url")))
	if !known {
		return
	}
	var with []string
	for _, one := range schemes {
		probe := map[string]any{"downstreams": []any{map[string]any{"url": one + ":", key: nil}}}
		invalid, _ := errors.AsType[*jsonschema.ValidationError](compiled().Validate(probe))
		if !slices.ContainsFunc(findings(invalid, nil), func(e *jsonschema.ValidationError) bool {
			_, never := e.ErrorKind.(*kind.FalseSchema)
			return never && pointer(e) == "/downstreams/0/"+key
		}) {
			with = append(with, one)
		}
	}
	r.tell(r.keys[at], fmt.Sprintf("the key %s goes with %s, and not with %s", key, oneOf(with), scheme),
		"leave it out, or write another url")
	r.told[at] = true
}

// explain tells what is wrong at a place, and reports whether it did. Of what Go reads further (times, sizes, urls,
// headers, names of variables) it leaves to those who do to say what is wrong with it.
func (r *reader) explain(at string) bool {
	n, s, name := r.values[at], schemaOf(at), label(at)
	switch {
	case wants(s, "object"):
		instead := "write the name of a header: and its value"
		if known := keysOf(s); known != nil {
			instead = "write " + known[0] + ": and a value"
		}
		r.tell(n, name+" must have keys", instead)
	case wants(s, "array"):
		return r.explainList(n, at)
	case wants(s, "boolean"):
		r.tell(n, name+" must be true or false", "write true or false")
	case wants(s, "integer"), wants(s, "number"):
		r.explainNumber(n, s, name)
	case len(s.AnyOf) > 0 || strings.HasSuffix(s.Location, "/time"):
		return false
	case r.tellText(n, name):
	case s.Enum != nil:
		var known []string
		for _, value := range s.Enum.Values {
			known = append(known, fmt.Sprint(value))
		}
		r.tellUnknown(n, name, known)
	default:
		return r.tellForm(n, at)
	}
	return true
}

func (r *reader) explainList(n *node, at string) bool {
	key := last(at)
	switch {
	case n.Kind != yaml.SequenceNode:
		r.tell(n, key+" must be a list", "write each entry on a line of its own, after a hyphen")
		return true
	case len(n.Content) == 0 && key == "env":
		r.tell(n, "env is an empty list", "leave env out for none")
	case len(n.Content) == 0:
		r.tell(n, key+" is an empty list", "leave "+key+" out to let everything pass")
	}
	before := map[string]bool{}
	for i, element := range n.Content {
		if element.Kind == yaml.ScalarNode && before[element.Value] {
			text := quoted(element.Value)
			if key == "carrier_codes" {
				text = "the carrier code " + element.Value
			}
			r.tell(element, text+" is in the list twice", "leave it out here")
			r.told[child(at, strconv.Itoa(i))] = true
		}
		before[element.Value] = true
	}
	return false
}

func (r *reader) explainNumber(n *node, s *jsonschema.Schema, name string) {
	number := func(bound *big.Rat) string { f, _ := bound.Float64(); return strconv.FormatFloat(f, 'f', -1, 64) }
	between := "write a number from " + number(s.Minimum) + " to " + number(s.Maximum)
	if name == "rate" {
		between += " (attempts a second), or leave rate out for no limit"
	}
	_, isNumber := scalar(n, s).(json.Number)
	switch {
	case !isNumber && wants(s, "integer"):
		r.tell(n, name+" must be a whole number in decimal digits", between)
	case !isNumber:
		r.tell(n, name+" must be a number", between)
	default:
		r.tell(n, name+" is "+n.Value, between)
	}
}

// tellText tells of what is no text. What YAML takes for something else (1, true) must be quoted: other readers of YAML
// make another text of it.
func (r *reader) tellText(n *node, name string) bool {
	switch {
	case n.Kind != yaml.ScalarNode:
		r.tell(n, name+" must be a text", "write one value, without - or keys")
	case isNull(n):
		r.tell(n, name+" is empty", "write a value")
	case n.ShortTag() != "!!str":
		r.tell(n, name+" must be a text, and YAML reads something else", "put it between quotes")
	case n.Value == "":
		r.tell(n, name+" is empty", "write a value, or leave it out")
	default:
		return false
	}
	return true
}

// tellForm tells that a text has not the form that the schema asks for.
func (r *reader) tellForm(n *node, at string) bool {
	list := last(strings.TrimSuffix(at, "/"+last(at)))
	switch {
	case last(at) == "name":
		r.tell(n, "the name "+quoted(n.Value)+" has other characters than those of a name, or more than 64",
			"write it in lower-case letters, digits, - and _")
	case last(at) == "api_url", last(at) == "token_url":
		r.tell(n, "the "+last(at)+" is no address of a host", "write https://HOST, without a user and without a path")
	case list == "countries":
		r.tell(n, "the country "+quoted(n.Value)+" is not in the form of ISO 3166 alpha-2",
			"write two capital letters, such as US")
	case list == "prefixes":
		r.tell(n, "the prefix "+quoted(n.Value)+" is not the beginning of a number in E.164 form",
			`write a plus sign and digits between quotes, such as "+1312"`)
	default:
		return false
	}
	return true
}
