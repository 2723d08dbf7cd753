package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"numhook/server/event"
)

// stock validates a body as a receiver out of the box does: openapi3filter.ValidateRequest on the untouched OpenAPI 3.1
// document.
func stock(doc *openapi3.T, operation string, raw []byte) error {
	path := doc.Paths.Value("/" + operation)
	request, err := http.NewRequest(http.MethodPost, "http://localhost/"+operation, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	return openapi3filter.ValidateRequest(request.Context(), &openapi3filter.RequestValidationInput{
		Request: request,
		Route: &routers.Route{Spec: doc, Path: "/" + operation, PathItem: path, Method: http.MethodPost,
			Operation: path.Post},
		Options: &openapi3filter.Options{MultiError: true},
	})
}

// divergence is one way in which the check differs from stock: rule names the finding of ours that stock has no equal
// of, and shows proves from the bytes alone, without the code under test, that the body is of that kind.
// spec/DIVERGENCES.md has a line for each.
type divergence struct {
	name  string
	rule  *Rule
	shows func(operation string, raw []byte) bool
}

var divergences = []divergence{
	{"trailing data", ruleTrailing, func(_ string, raw []byte) bool {
		d := json.NewDecoder(bytes.NewReader(raw))
		if d.Decode(new(any)) != nil {
			return false
		}
		_, err := d.Token()
		return err != io.EOF
	}},
	{"duplicate member", ruleDuplicate,
		func(_ string, raw []byte) bool { return hasDuplicates(json.NewDecoder(bytes.NewReader(raw))) }},
	{"invalid UTF-8", ruleUTF8, func(_ string, raw []byte) bool { return !utf8.Valid(raw) }},
	{"lone surrogate", ruleSurrogate,
		func(_ string, raw []byte) bool { return regexp.MustCompile(`(?i)\\ud[89a-f]`).Match(raw) }},
	{"depth", ruleNesting,
		func(_ string, raw []byte) bool { return depthOf(json.NewDecoder(bytes.NewReader(raw))) > MaxDepth }},
	{"event of another operation", ruleMismatch, func(operation string, raw []byte) bool {
		var body map[string]any
		_ = json.NewDecoder(bytes.NewReader(raw)).Decode(&body)
		name, _ := body["event"].(string)
		return name != operation && (name == cnamEvent || name == addressEvent)
	}},
	{"integer beyond int64", ruleFormat, func(_ string, raw []byte) bool {
		for _, literal := range numberLiteral.FindAllString(string(raw), -1) {
			n, _, err := big.ParseFloat(literal, 10, 200, big.ToNearestEven)
			if err == nil && n.IsInt() && (n.Cmp(big.NewFloat(1<<63)) >= 0 || n.Cmp(big.NewFloat(-1<<63)) < 0) {
				return true
			}
		}
		return false
	}},
	{"fraction that a double loses", ruleType, func(_ string, raw []byte) bool {
		for _, literal := range numberLiteral.FindAllString(string(raw), -1) {
			exact, ok := new(big.Rat).SetString(literal)
			double, err := strconv.ParseFloat(literal, 64)
			if ok && err == nil && !exact.IsInt() && double == math.Trunc(double) {
				return true
			}
		}
		return false
	}},
}

var numberLiteral = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?`)

// depthOf is the number of levels of the value.
func depthOf(d *json.Decoder) int {
	depth, most := 0, 0
	for {
		token, err := d.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			most = max(most, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// collapsed is the body as a decoder sees it for which the last of equally named members wins.
func collapsed(raw []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return raw
	}
	text, _ := json.Marshal(v)
	return text
}

// hasDuplicates reports whether an object holds two members whose names are equal but for case.
func hasDuplicates(d *json.Decoder) bool {
	type level struct {
		object bool
		names  []string
		key    bool
	}
	var levels []level
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if len(levels) > 0 {
			top := &levels[len(levels)-1]
			if top.object && !top.key {
				name := token.(string)
				if slices.ContainsFunc(top.names, func(other string) bool { return strings.EqualFold(other, name) }) {
					return true
				}
				top.names, top.key = append(top.names, name), true
				continue
			}
			top.key = false
		}
		if delim, ok := token.(json.Delim); ok {
			levels = append(levels, level{object: delim == '{'})
		}
	}
}

// explain names the divergence that accounts for a difference in verdict, or says that there is none.
func explain(doc *openapi3.T, c *Contract, operation string, raw []byte, ours Result, theirs error) (string, bool) {
	if len(ours.Violations) == 0 && theirs == nil {
		return "duplicate member", true // after it was collapsed
	}
	if len(ours.Violations) == 0 {
		// We accept what stock refuses: only a byte order mark, and without it stock must accept.
		if rest, ok := bytes.CutPrefix(raw, bom); ok && stock(doc, operation, rest) == nil {
			return "byte order mark", true
		}
		return "", false
	}
	// We refuse what stock accepts: each violation must be of a kind that stock lacks, and the body must be of that kind.
	name := ""
	for _, f := range ours.Violations {
		at := slices.IndexFunc(divergences, func(d divergence) bool { return d.rule.ID == f.Rule })
		if at < 0 || !divergences[at].shows(operation, raw) {
			// Stock sees the last of two members only; in what it sees there must be nothing more to find.
			seen := collapsed(raw)
			if !hasDuplicates(json.NewDecoder(bytes.NewReader(raw))) || bytes.Equal(seen, raw) {
				return "", false
			}
			return explain(doc, c, operation, seen, c.Check(operation, Parse(seen), 0), theirs)
		}
		name = divergences[at].name
	}
	return name, true
}

// TestDifferential holds the check against kin-openapi's stock 3.1 path over mutated bodies of both events. Verdicts
// are equal, or a named divergence accounts for the difference. Where both refuse a body by the schema, the places that
// stock names are among ours.
func TestDifferential(t *testing.T) {
	doc, c := receiver(t)
	differential(t, doc, c, 20_800, divergences)
}

// TestDifferentialInlined does the same with every $ref of the document replaced by what it leads to: stock validates
// that with its JSON Schema compiler, and the document as it is, which has references, with its own visitor.
func TestDifferentialInlined(t *testing.T) {
	raw, err := os.ReadFile("../../spec/receiver.json")
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	inlined, err := json.Marshal(inline(root["components"].(map[string]any)["schemas"].(map[string]any), root))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(inlined)
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	differential(t, doc, c, 5_000, slices.DeleteFunc(slices.Clone(divergences),
		func(d divergence) bool { return d.rule == ruleType }))
}

// inline replaces references to the schemas given, which do not refer to themselves.
func inline(schemas map[string]any, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			return inline(schemas, schemas[ref[strings.LastIndexByte(ref, '/')+1:]])
		}
		for name := range v {
			v[name] = inline(schemas, v[name])
		}
	case []any:
		for i := range v {
			v[i] = inline(schemas, v[i])
		}
	}
	return v
}

func differential(t *testing.T, doc *openapi3.T, c *Contract, total int, expected []divergence) {
	const seed = 20250219
	few := testing.Short() || underRace
	if few {
		total /= 12
	}
	t.Logf("seed %d, %d bodies", seed, total)
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // stock allocates 300 KB a body
	var mu sync.Mutex
	counts := map[string]int{}
	t.Run("bodies", func(t *testing.T) {
		const parts = 8
		for part := range parts {
			t.Run(strconv.Itoa(part), func(t *testing.T) {
				t.Parallel()
				tally := differ(t, doc, c, rand.New(rand.NewPCG(seed, uint64(part))), total/parts)
				mu.Lock()
				defer mu.Unlock()
				for name, n := range tally {
					counts[name] += n
				}
			})
		}
	})
	for _, name := range names(counts) {
		t.Logf("%-30s %6d", name, counts[name])
	}
	for _, d := range expected {
		if counts["differ: "+d.name] == 0 && !few {
			t.Errorf("no body shows the divergence %q", d.name)
		}
	}
	if agreed := counts["both accept"]; agreed < total/10 || counts["both refuse"] < total/10 {
		t.Errorf("the bodies are lopsided: both accept %d, both refuse %d", agreed, counts["both refuse"])
	}
}

func differ(t *testing.T, doc *openapi3.T, c *Contract, random *rand.Rand, count int) map[string]int {
	m := &mutator{random, []string{`"` + cnamEvent + `"`, `"` + addressEvent + `"`, `["+12025550143"]`,
		`{"address_line1":"x"}`},
		[]string{"county", "event", "Event", "payload", "object", "cnam", "emergency_address", "x-new", "a/b~c", "",
			"phone_numbers", "address_line1"}}
	var trees []*tree
	operations := c.Events()
	for _, name := range operations {
		trees = append(trees, treeOf(Parse(example(t, name)), 0))
	}
	seedBody := Parse([]byte(`{"event":"","event_ts":1,"payload":{"account_id":"",` +
		`"object":{"emergency_address":{"country":"","address_line1":"","address_line2":"","city":"","zip":"",` +
		`"state_code":""},"carrier_code":1,"phone_numbers":[]}}}`))
	trees = append(trees, treeOf(seedBody, 0))
	operations = append(operations, addressEvent)
	tally := map[string]int{}
	for range count {
		pick := random.IntN(len(trees))
		operation, raw := operations[pick], m.mutate(trees[pick])
		d := Parse(raw)
		ours, theirs := c.Check(operation, d, 0), stock(doc, operation, raw)
		if clean := c.Clean(operation, d); clean != (len(ours.Violations)+len(ours.Drift)+len(ours.Lint) == 0) {
			t.Fatalf("check and clean disagree on %q", raw)
		}
		switch accept := len(ours.Violations) == 0; {
		case accept && theirs == nil:
			tally["both accept"]++
		case !accept && theirs != nil:
			tally["both refuse"]++
			if missed := missedPlaces(d, ours, theirs); missed != "" {
				t.Errorf("%q: stock finds a fault at %s; ours are %q", raw, missed, all(ours))
			}
		default:
			name, ok := explain(doc, c, operation, raw, ours, theirs)
			if !ok {
				t.Errorf("unexplained: %s with %q: ours %q, stock %v", operation, raw, all(ours), theirs)
			}
			tally["differ: "+name]++
		}
	}
	return tally
}

// missedPlaces is the pointer of a fault that stock names in a strict body and that none of ours is at.
func missedPlaces(d *Document, ours Result, theirs error) string {
	if !d.Strict() {
		return ""
	}
	for _, fault := range schemaErrors(theirs) {
		pointer := ""
		for _, token := range fault.JSONPointer() {
			pointer += "/" + escapeToken(token)
		}
		// The JSON Schema compiler places a missing member at the object that lacks it.
		lacking := fault.SchemaField == "required"
		if !slices.ContainsFunc(ours.Violations, func(f event.Finding) bool {
			return f.Pointer == pointer || lacking && f.Rule == "required" && strings.HasPrefix(f.Pointer, pointer+"/")
		}) {
			return fmt.Sprintf("%q", pointer)
		}
	}
	return ""
}

func schemaErrors(err error) []*openapi3.SchemaError {
	var list []*openapi3.SchemaError
	var many openapi3.MultiError
	if request, ok := errors.AsType[*openapi3filter.RequestError](err); ok {
		return schemaErrors(request.Err)
	}
	if errors.As(err, &many) {
		for _, one := range many {
			list = append(list, schemaErrors(one)...)
		}
		return list
	}
	if one, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		list = append(list, one)
	}
	return list
}
