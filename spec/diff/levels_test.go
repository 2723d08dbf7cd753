package diff

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// withSchema is a document with one event whose body has the schema, beside a few components. SELF is the schema's own
// place.
func withSchema(schema string) string {
	const self = "#/webhooks/e/post/requestBody/content/application~1json/schema"
	return body(strings.ReplaceAll(schema, "SELF", self), `"S": {"type": "string", "maxLength": 5},
		"O": {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}},
		"P": {"type": "object", "required": ["b"]}`)
}

// rows are the lines of a table, split at " | ".
func rows(t *testing.T, file string) [][]string {
	t.Helper()
	var all [][]string
	for line := range strings.Lines(contents(t, file)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			all = append(all, strings.Split(line, " | "))
		}
	}
	return all
}

// TestLevelsOfEdits holds Compare to the level of each edit, in both directions. That an edit is breaking is shown by a
// body that the new schema lets through and the old one refuses.
func TestLevelsOfEdits(t *testing.T) {
	edits := rows(t, "testdata/levels.txt")
	if 2*len(edits) < 200 {
		t.Fatalf("there are only %d edits", 2*len(edits))
	}
	for _, row := range edits {
		there, back, old, new := row[0], row[1], row[2], row[3]
		t.Run(old+" to "+new, func(t *testing.T) {
			t.Parallel()
			expectLevel(t, there, old, new)
			expectLevel(t, back, new, old)
		})
	}
}

func expectLevel(t *testing.T, want, before, after string) {
	t.Helper()
	old, new := mustLoad(t, "old", withSchema(before)), mustLoad(t, "new", withSchema(after))
	changes := Compare(old, new)
	if got, any := Worst(changes); !any || string(got) != want {
		t.Errorf("%s to %s is %s (any: %t), want %s:\n%s", before, after, got, any, want, strings.Join(brief(changes), "\n"))
	}
	if _, found := witnessOf(t, old, new); found != (want == string(Breaking)) && want != string(Risky) {
		t.Errorf("%s to %s: a witness was found: %t, and the level is to be %s", before, after, found, want)
	}
}

// witnessOf looks for a body that the new document lets through and the old one refuses.
func witnessOf(t *testing.T, old, new *Document) (witness, bool) {
	t.Helper()
	v := &validators{old: old, new: new, compilers: map[validatorKey]*jsonschema.Compiler{}}
	s, ready := v.search(old.events()["e"].body(), new.events()["e"].body())
	if !ready {
		t.Fatal("the schemas cannot be compiled")
	}
	return s.find(nil, rounds(t, 4*openTries))
}

// TestRewritesAreNoChange holds two ways to say the same against each other.
func TestRewritesAreNoChange(t *testing.T) {
	rewrites := rows(t, "testdata/rewrites.txt")
	if len(rewrites) < 150 {
		t.Fatalf("there are only %d rewrites", len(rewrites))
	}
	for _, row := range rewrites {
		t.Run(row[0]+" as "+row[1], func(t *testing.T) {
			t.Parallel()
			a, b := mustLoad(t, "a", withSchema(row[0])), mustLoad(t, "b", withSchema(row[1]))
			for _, pair := range [][2]*Document{{a, b}, {b, a}} {
				if changes := Compare(pair[0], pair[1]); len(changes) > 0 {
					t.Errorf("they differ:\n%s", strings.Join(brief(changes), "\n"))
				}
			}
		})
	}
}

// undecidedCases are changes of which no rule can tell whether more can come than before, as id, old and new.
var undecidedCases = [][3]string{
	{"one-of-variant-removed", `"oneOf": [{"minLength": 2}, {"maxLength": 9}, {"pattern": "q"}]`,
		`"oneOf": [{"minLength": 2}, {"maxLength": 9}]`},
	{"one-of-narrowed", `"oneOf": [{"minLength": 2}, {"maxLength": 9}]`, `"oneOf": [{"minLength": 2}, {"maxLength": 8}]`},
	{"one-of-loosened", `"oneOf": [{"minLength": 2}, {"maxLength": 9}]`, `"anyOf": [{"minLength": 2}, {"maxLength": 9}]`},
}

// TestUndecided shows that what no rule can tell is breaking where a body proves it, and stays risky where none is
// found.
func TestUndecided(t *testing.T) {
	const unlikely = `"type": "string", "pattern": "^[0-9]{7}[a-f]{7}$", `
	for _, c := range undecidedCases {
		for prefix, want := range map[string]string{"": "body-refused", unlikely: c[0]} {
			changes := Compare(mustLoad(t, "old", withSchema("{"+prefix+c[1]+"}")),
				mustLoad(t, "new", withSchema("{"+prefix+c[2]+"}")))
			if len(changes) == 0 || changes[0].ID != want || (want == "body-refused") != (changes[0].Level == Breaking) {
				t.Errorf("%s to %s behind %q: %v, want %s", c[1], c[2], prefix, brief(changes), want)
			}
			for _, change := range changes {
				if proved := change.Witness != nil; proved != (change.ID == "body-refused") {
					t.Errorf("%s: the witness is %s", change.ID, change.Witness)
				}
			}
		}
	}
}
