package contract

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// manyMutants makes TestRichAgainstAJV hold 10,000 mutants of each document instead of some hundreds.
const manyMutants = "NUMHOOK_MANY_MUTANTS"

// ajvSetting is one reading of a rich document and its bodies. The first is ours; each other one gives up something
// that ajv does not have, and so names the reason of a difference that goes away with it. spec/DIVERGENCES.md has them.
type ajvSetting struct {
	reason  string
	without []string // keywords
	doubles bool     // numbers are rounded to doubles, as JSON.parse does
	both    bool     // ajv is asked without the keywords, too
}

var ajvSettings = []ajvSetting{
	{},
	{reason: "formats", without: []string{"format"}},
	{reason: "exact numbers", without: []string{"format"}, doubles: true},
	{reason: "exact remainders", without: []string{"format", "multipleOf"}, doubles: true, both: true},
	{reason: "contains beside unevaluatedItems", without: []string{"format", "unevaluatedItems"}, both: true},
}

// TestRichAgainstAJV holds the check against ajv (2020-12, strict mode and formats off) for ten documents with more
// keywords than the product's own, over mutated bodies that are strict JSON.
func TestRichAgainstAJV(t *testing.T) {
	folder, err := filepath.Abs("../../.bin/ajv")
	if err != nil {
		t.Fatal(err)
	}
	_, missing := os.Stat(filepath.Join(folder, "node_modules", "ajv"))
	if _, noNode := exec.LookPath("node"); missing != nil || noNode != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no node, or no ajv: run 'make ajv'")
		}
		t.Skip("NOT COMPARED WITH AJV: there is no node, or no ajv: run 'make ajv'")
	}
	divergences, err := os.ReadFile("../../spec/DIVERGENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/rich/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	count := 300
	if os.Getenv(manyMutants) != "" {
		count = 10_000
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			rich := readRich(t, file)
			m := rich.mutator(7)
			var bodies [][]byte
			for len(bodies) < count {
				if body := m.mutate(rich.trees[m.IntN(len(rich.trees))]); Parse(body).Strict() {
					bodies = append(bodies, bytes.TrimPrefix(body, bom))
				}
			}
			counts := rich.compareAJV(t, folder, bodies)
			t.Logf("%d mutants: %v", count, counts)
			for reason := range counts {
				if !bytes.Contains(divergences, []byte("| "+reason+" |")) && !strings.HasPrefix(reason, "both ") {
					t.Errorf("spec/DIVERGENCES.md does not list %s", reason)
				}
			}
		})
	}
}

// rich is a document of testdata/rich.
type rich struct {
	Schema, Components json.RawMessage
	Bodies             []json.RawMessage

	trees    []*tree
	literals []string
}

func readRich(t *testing.T, file string) *rich {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r rich
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if r.Components == nil {
		r.Components = json.RawMessage("{}")
	}
	for _, body := range r.Bodies {
		whole := treeOf(Parse(body), 0)
		r.trees = append(r.trees, whole)
		for _, part := range whole.all() {
			var b strings.Builder
			part.write(&b, func() string { return "" })
			r.literals = append(r.literals, b.String())
		}
	}
	return &r
}

func (r *rich) mutator(seed uint64) *mutator {
	return &mutator{rand.New(rand.NewPCG(20250219, seed+uint64(len(r.Schema)))), r.literals, []string{"a", "b", "v",
		"kids", "kind", "data", "code", "n_y", "x_list", "other", "UPPER", "roles"}}
}

// strip is the document without the keywords.
func (r *rich) strip(t *testing.T, keywords []string) *rich {
	t.Helper()
	return &rich{Schema: stripped(t, r.Schema, keywords), Components: stripped(t, r.Components, keywords)}
}

func stripped(t *testing.T, raw json.RawMessage, keywords []string) json.RawMessage {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(withoutKeywords(v, keywords))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func withoutKeywords(v any, keywords []string) any {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(name string, _ any) bool { return slices.Contains(keywords, name) })
		for _, one := range v {
			withoutKeywords(one, keywords)
		}
	case []any:
		for _, one := range v {
			withoutKeywords(one, keywords)
		}
	}
	return v
}

// compareAJV counts what both say of the bodies, and the differences by their reasons.
func (r *rich) compareAJV(t *testing.T, folder string, bodies [][]byte) map[string]int {
	t.Helper()
	verdicts := r.ajvVerdicts(t, folder, bodies)
	var settings []func(i int) (agree bool)
	for _, setting := range ajvSettings {
		document, theirs := r.strip(t, setting.without), verdicts
		if setting.both {
			theirs = document.ajvVerdicts(t, folder, bodies)
		}
		c := document.contract(t)
		settings = append(settings, func(i int) bool {
			body := bodies[i]
			if setting.doubles {
				body = scalars.ReplaceAllFunc(body, rounded)
			}
			return (len(c.Check("thing", Parse(body), 1).Violations) == 0) == (theirs[i] == 'v')
		})
	}
	counts := map[string]int{}
	for i, verdict := range verdicts {
		at := slices.IndexFunc(settings, func(agree func(int) bool) bool { return agree(i) })
		switch {
		case at < 0:
			t.Fatalf("ajv says %c, we say %q: %q", verdict, all(r.contract(t).Check("thing", Parse(bodies[i]), 0)), bodies[i])
		case at > 0:
			counts[ajvSettings[at].reason]++
		case verdict == 'v':
			counts["both accept"]++
		default:
			counts["both refuse"]++
		}
	}
	if least := len(bodies) / 20; counts["both accept"] < least || counts["both refuse"] < least {
		t.Errorf("the bodies are lopsided: %v", counts)
	}
	return counts
}

func (r *rich) contract(t *testing.T) *Contract {
	t.Helper()
	c, err := New(document(t, string(r.Schema), string(r.Components)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// scalars are strings and numbers.
var scalars = regexp.MustCompile(`"(\\.|[^"\\])*"|` + numberLiteral.String())

// rounded is a number as JSON.parse has it; a string is left as it is.
func rounded(literal []byte) []byte {
	value, err := strconv.ParseFloat(string(literal), 64)
	if err != nil {
		return literal // infinite: larger than every bound, as it is written
	}
	return strconv.AppendFloat(nil, value, 'g', -1, 64)
}

func (r *rich) ajvVerdicts(t *testing.T, folder string, bodies [][]byte) string {
	t.Helper()
	var payloads bytes.Buffer
	for _, body := range bodies {
		fmt.Fprintf(&payloads, "thing %s\n", base64.StdEncoding.EncodeToString(body))
	}
	dir := t.TempDir()
	for name, raw := range map[string][]byte{"payloads": payloads.Bytes(), "document.json": fmt.Appendf(nil,
		`{"paths":{"/thing":{"post":{"requestBody":{"content":{"application/json":{"schema":%s}}}}}},"components":`+
			`{"schemas":%s}}`, r.Schema, r.Components)} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node := exec.CommandContext(t.Context(), "node", "../../cmd/numhook/validation/testdata/ajv/verdicts.mjs", folder,
		filepath.Join(dir, "document.json"), filepath.Join(dir, "payloads"))
	node.Stderr = os.Stderr
	out, err := node.Output()
	verdicts := strings.TrimSpace(string(out))
	if err != nil || len(verdicts) != len(bodies) {
		t.Fatalf("%d verdicts on %d bodies: %v", len(verdicts), len(bodies), err)
	}
	return verdicts
}
