package contract

import (
	"bytes"
	"encoding/json"
	"reflect"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"numhook/server/event"
)

func addSeeds(f *testing.F) {
	for _, name := range []string{cnamEvent, addressEvent} {
		f.Add(example(f, name))
	}
	for _, raw := range []string{"", "\xef\xbb\xbf{}", `{"a":1,"A":2}`, `["\ud83d\ude00\ud83d"]`, `[1e400,-0.0,01]`,
		"[\"\xff\"]", `{"event":1} x`, `[[[[[[]]]]]]`, `{"event":"x","payload":{"object":{"phone_numbers":["1","1"]}}}`} {
		f.Add([]byte(raw))
	}
}

// FuzzParse: the parse never panics, and says of each body what encoding/json says, but for what it is stricter in.
func FuzzParse(f *testing.F) {
	addSeeds(f)
	var d Document
	f.Fuzz(func(t *testing.T, raw []byte) {
		d.Reset(raw)
		found := d.Malformed()
		valid := json.Valid(bytes.TrimPrefix(raw, bom))
		if d.Strict() != (len(found) == 0) || d.Strict() && !valid {
			t.Fatalf("%q is strict, and json.Valid says %v; %q", raw, valid, ats(found))
		}
		if !valid || d.Strict() {
			return
		}
		for _, one := range found {
			switch one.Rule {
			case "duplicate-member", "nesting", "surrogate":
			case "utf8":
				if utf8.Valid(raw) {
					t.Fatalf("%q is valid UTF-8: %+v", raw, one)
				}
			default:
				t.Fatalf("%q is valid JSON: %+v", raw, one)
			}
		}
	})
}

// What a check with the receiver's limit on findings may allocate: so much, because the runtime counts by whole spans,
// and so many times the size of the body.
const (
	allocatedAlways  = 1 << 20
	allocatedPerByte = 256
	mostFindings     = 1000
)

// allocated is how many bytes the process has allocated since its start.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// FuzzCheck: Check and Clean agree, every finding is at a place that the body has, and in its lines, and memory is
// bounded by the size of the body.
func FuzzCheck(f *testing.F) {
	addSeeds(f)
	_, c := receiver(f)
	var d Document
	f.Fuzz(func(t *testing.T, raw []byte) {
		before, parsed := allocated(), Parse(raw)
		for _, name := range c.Events() {
			c.Check(name, parsed, mostFindings)
		}
		if took, most := allocated()-before, uint64(allocatedAlways+allocatedPerByte*len(raw)); took > most {
			t.Fatalf("%d bytes have %d allocated, more than %d: %.200q", len(raw), took, most, raw)
		}
		d.Reset(raw)
		for _, name := range c.Events() {
			r := c.Check(name, &d, 0)
			findings := slices.Concat(r.Violations, r.Drift, r.Lint)
			if clean := c.Clean(name, &d); clean != (len(findings) == 0) {
				t.Fatalf("%q: clean is %v, and Check finds %q", raw, clean, all(r))
			}
			for _, one := range findings {
				checkPlace(t, raw, &d, one)
			}
			limited := c.Check(name, &d, 1)
			if kept := len(limited.Violations) + len(limited.Drift) + len(limited.Lint); kept+limited.Omitted != len(findings) {
				t.Fatalf("%q: %d findings, and with a limit %d and %d omitted", raw, len(findings), kept, limited.Omitted)
			}
		}
	})
}

func checkPlace(t *testing.T, raw []byte, d *Document, one event.Finding) {
	t.Helper()
	if one.Line < 1 || one.Column < 1 || one.Offset < 0 || one.Offset > len(raw) || one.Message == "" || one.Rule == "" {
		t.Fatalf("%q: finding %+v", raw, one)
	}
	if !d.Strict() || one.Pointer == "" {
		return
	}
	value, tokens := d.Value(), strings.Split(one.Pointer, "/")[1:]
	for i, token := range tokens {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		var ok bool
		switch v := value.(type) {
		case map[string]any:
			value, ok = v[token]
		case []any:
			at, err := strconv.Atoi(token)
			if ok = err == nil && at >= 0 && at < len(v); ok {
				value = v[at]
			}
		}
		missing := i == len(tokens)-1 && (one.Rule == "required" || one.Rule == "value-absent")
		if ok == missing && len(one.Pointer) < maxPointer-100 {
			t.Fatalf("%q: nothing is at %s: %+v", raw, one.Pointer, one)
		}
	}
}

// FuzzCanonical: the canonical form is JSON of the same value, and its own canonical form.
func FuzzCanonical(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d := Parse(raw)
		canonical, ok := d.Canonical()
		if ok != d.Strict() {
			t.Fatalf("%q has a canonical form: %v", raw, ok)
		}
		if !ok {
			return
		}
		again := Parse(canonical)
		if twice, ok := again.Canonical(); !ok || !bytes.Equal(twice, canonical) {
			t.Fatalf("%q: canonical form %q is made into %q", raw, canonical, twice)
		}
		if !sameValue(d.Value(), again.Value()) {
			t.Fatalf("%q: canonical form %q is another value", raw, canonical)
		}
	})
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && normal(string(a)) == normal(string(b))
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name := range a {
			if other, ok := b[name]; !ok || !sameValue(a[name], other) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}
