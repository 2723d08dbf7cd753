package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"numhook/server/event"
)

// oddPayloads are 10,000 payloads in all guises that JSON allows: mutants of the product's events and of the rich
// documents, and made-up values with long and far numbers, escapes, and names whose order is not that of their bytes.
func oddPayloads(t *testing.T) [][]byte {
	t.Helper()
	const seed, count = 20251128, 10_000
	m := &mutator{Rand: rand.New(rand.NewPCG(seed, 0)), literals: []string{"1e1000000", "-12.50e-3",
		strings.Repeat("7", 60), "0." + strings.Repeat("0", 30) + "10", "1e9999999999999999999", "-9.990E+0021",
		`"\u001f\/"`},
		words: []string{"é", "😀", "\ufb33", `\u0000`, "event", "Z", "a", ""}}
	_, c := receiver(t)
	var trees []*tree
	for _, name := range c.Events() {
		trees = append(trees, treeOf(Parse(example(t, name)), 0))
	}
	for _, file := range []string{"keywords", "numbers", "layers"} {
		trees = append(trees, readRich(t, "testdata/rich/"+file+".json").trees...)
	}
	random := maker{m.Rand}
	var payloads [][]byte
	for len(payloads) < count {
		of := trees[m.IntN(len(trees))]
		if m.IntN(4) == 0 {
			of = treeOf(Parse([]byte(random.value(4))), 0)
		}
		payload := m.mutate(of)
		if m.IntN(2) == 0 { // once more, so that odd values meet
			if d := Parse(payload); d.Strict() {
				payload = m.mutate(treeOf(d, 0))
			}
		}
		if Parse(payload).Strict() {
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

// TestStoredIdentities holds the identities of 10,000 odd payloads against those of the first releases, byte for byte:
// an identity is stored for ever. testdata/identities.txt has the digest of the payloads and the digest of their
// identities; with another digest of payloads the test tells nothing, and the payloads are to be mended, not the file.
func TestStoredIdentities(t *testing.T) {
	payloads, identities := sha256.New(), sha256.New()
	for _, payload := range oddPayloads(t) {
		fmt.Fprintf(payloads, "%d:%s", len(payload), payload)
		canonical, ok := Parse(payload).Canonical()
		if !ok {
			t.Fatalf("%q has no canonical form", payload)
		}
		id := event.Identify(canonical)
		identities.Write(id[:])
	}
	want, err := os.ReadFile("testdata/identities.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("payloads %s\nidentities %s\n", hex.EncodeToString(payloads.Sum(nil)),
		hex.EncodeToString(identities.Sum(nil)))
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// TestHugeValues holds what a body of one MiB can ask for: the answer is right, and takes memory in proportion to the
// body. What it took stands in the log.
func TestHugeValues(t *testing.T) {
	_, receiver := receiver(t)
	numbers := compiled(t, `{"properties":{"event":{"type":"string"},"n":{"type":"number","multipleOf":7,"minimum":-5,
		"enum":[7,14,1e300]}},"additionalProperties":{"type":["integer","object","array"]}}`)
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"m%d":%d`, i, i%10)
		}
		return b.String()[1:]
	}
	levels := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, one := range []struct{ name, body, rule string }{
		{"1e1000000", `{"n":1e1000000}`, "enum"},
		{"-1e1000000", `{"n":-1e1000000}`, "minimum"},
		{"1e-1000000", `{"n":1e-1000000}`, "multiple-of"},
		{"1e1000000 in an event", cnamBody(`{"carrier_code":1e1000000,"phone_numbers":[],"cnam":"A"}`), "format"},
		{"900,000 digits", `{"n":` + strings.Repeat("7", 900_000) + `}`, "enum"},
		{"900,000 digits after the point", `{"n":0.` + strings.Repeat("7", 900_000) + `}`, "multiple-of"},
		{"900,000 digits in an event", cnamBody(`{"carrier_code":` + strings.Repeat("7", 900_000) +
			`,"phone_numbers":[],"cnam":"A"}`), "format"},
		{"100,000 members", `{` + members(100_000) + `}`, ""},
		{"100,000 members in an event", cnamBody(`{"carrier_code":1,"phone_numbers":[],"cnam":"A",` + members(100_000) + `}`),
			""},
		{"100,000 levels", levels(100_000), "nesting"},
		{"100,000 levels in an event", cnamBody(levels(100_000)), "nesting"},
	} {
		c, name := numbers, "thing"
		if strings.Contains(one.name, "event") {
			c, name = receiver, cnamEvent
		}
		var before, after runtime.MemStats
		raw, begin := []byte(one.body), cpu()
		runtime.ReadMemStats(&before)
		r := c.Check(name, Parse(raw), 1000)
		runtime.ReadMemStats(&after)
		took, mib := cpu()-begin, float64(after.TotalAlloc-before.TotalAlloc)/(1<<20)
		t.Logf("%-32s %6.1f ms, %5.1f MiB", one.name, float64(took.Microseconds())/1000, mib)
		if mib > 64 {
			t.Errorf("%s: %.0f MiB were allocated", one.name, mib)
		}
		if (one.rule == "") != (len(r.Violations) == 0) || one.rule != "" && !strings.Contains(strings.Join(all(r), "\n"),
			one.rule+" ") {
			t.Errorf("%s: %d violations, %.200q", one.name, len(r.Violations), all(r))
		}
	}
}
