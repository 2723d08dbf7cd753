package contract

import (
	"slices"
	"testing"
)

// TestStringFormatsAreLint: a string that has not the contract's format is accepted, and told of. An integer that has
// not is refused.
func TestStringFormatsAreLint(t *testing.T) {
	const schema = `{"type":"object","properties":{"when":{"type":"string","format":"date-time"},` +
		`"list":{"type":"array","items":{"type":"string","format":"date"}},"data":{"format":"byte"},` +
		`"either":{"anyOf":[{"type":"string","format":"date"},{"type":"string","format":"date-time"}]},` +
		`"n":{"type":"integer","format":"int32"}}}`
	c := compiled(t, schema)
	for body, want := range map[string][]string{
		`{"when":"","data":"YWJj"}`:                  {"lint format /when"},
		`{"when":"2025-02-19T00:00:00Z"}`:            nil,
		`{"when":"2025-02-19 00:00:00","n":1}`:       {"lint format /when"},
		`{"list":["2025-02-19","","x"]}`:             {"lint format /list/1", "lint format /list/2"},
		`{"data":"a b"}`:                             {"lint format /data"},
		`{"data":1}`:                                 nil,
		`{"either":"2025-02-19"}`:                    nil,
		`{"either":"2025-02-19T00:00:00Z"}`:          nil,
		`{"either":"soon"}`:                          {"lint format /either"},
		`{"when":"","n":2147483648}`:                 {"violation format /n", "lint format /when"},
		`{"when":"\u0032025-02-19T00:00:00Z","n":1}`: nil,
		`{"when":1}`:                                 {"violation type /when"},
	} {
		r := c.Check("thing", Parse([]byte(body)), 0)
		var got []string
		for _, f := range slices.Concat(r.Violations, r.Drift, r.Lint) {
			got = append(got, string(f.Kind)+" "+f.Rule+" "+f.Pointer)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: found %q, want %q", body, got, want)
		}
		if clean := c.Clean("thing", Parse([]byte(body))); clean != (len(want) == 0) {
			t.Errorf("%s: clean is %v", body, clean)
		}
	}
}
