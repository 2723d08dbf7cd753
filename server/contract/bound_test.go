package contract

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cpu is the processor time that the tests have taken, which other programs on the machine do not add to.
func cpu() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// What a body of one MiB can cost at most, whatever is in it: time and memory of parse, check, value and canonical
// form. The bounds have room for a slow machine; what was seen stands in the log.
func TestBounds(t *testing.T) {
	slack := time.Duration(1)
	if underRace {
		slack = 30
	}
	const size = 1 << 20
	_, receiver := receiver(t)
	faults := compiled(t, `{"properties":{"event":{"type":"string"}},"items":{"type":"string"}}`)
	layered := compiled(t, `{"items":{"anyOf":[{"type":"string"},{"type":"null"}]},"uniqueItems":true}`)
	name := strings.Repeat("n", 500_000)
	fill := func(before, unit, after string) []byte {
		return []byte(before + strings.Repeat(unit, (size-len(before)-len(after))/len(unit)) + after)
	}
	for _, one := range []struct {
		name      string
		contract  *Contract
		operation string
		raw       []byte
	}{
		{"500,000 elements of a wrong type", faults, "thing", fill("[", "1,", "1]")},
		{"500,000 in layers, none unique", layered, "thing", fill("[", "1,", "1]")},
		{"350,000 empty objects", faults, "thing", fill("[", "{},", "{}]")},
		{"500,000 brackets", faults, "thing", fill("", "[", "")},
		{"170,000 duplicates", faults, "thing", fill(`{"a":0`, `,"a":0`, "}")},
		{"80,000 duplicates below a long name", faults, "thing", fill(`{"`+name+`":{"a":0`, `,"a":0`, "}}")},
		{"a string of escapes", faults, "thing", fill(`["`, `\u00e9`, `"]`)},
		{"a string of invalid bytes", faults, "thing", fill(`["`, "\xff", `"]`)},
		{"digits", faults, "thing", fill(`[`, "9", `]`)},
		{"unknown members", receiver, cnamEvent, manyMembers(size)},
		{"phone numbers", receiver, cnamEvent, fill(`{"payload":{"object":{"phone_numbers":["+1"`, `,"+1"`, `]}}}`)},
		{"line ends", faults, "thing", fill("[1,", "\r\n", "1]")},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := cpu()
		d := Parse(one.raw)
		d.Malformed()
		r := one.contract.Check(one.operation, d, 1000)
		one.contract.Clean(one.operation, d)
		checked := cpu() - begin
		runtime.ReadMemStats(&after)
		mib := float64(after.TotalAlloc-before.TotalAlloc) / size
		d.Value()
		d.Canonical()
		total := cpu() - begin
		t.Logf("%-40s %6.1f ms check, %6.1f ms all, %5.1f MiB, %d findings, %d omitted", one.name,
			float64(checked.Microseconds())/1000,
			float64(total.Microseconds())/1000, mib, len(r.Violations)+len(r.Drift)+len(r.Lint), r.Omitted)
		if checked > slack*2*time.Second || total > slack*3*time.Second || mib > 1500 {
			t.Errorf("%s is out of bounds", one.name)
		}
		if len(r.Violations) > 1000 || len(r.Drift) > 1000 || len(r.Lint) > 1000 {
			t.Errorf("%s: more than 1000 findings of a kind", one.name)
		}
	}
}

// Alternatives that all lead to themselves at every level are tried as deep as that can be paid, and no deeper.
func TestRecursiveAlternatives(t *testing.T) {
	components := `{"Both":{"allOf":[{"properties":{"kids":{"items":{"$ref":"#/components/schemas/Both"}}}},
			{"properties":{"kids":{"items":{"$ref":"#/components/schemas/Both"}},"kind":{"enum":["b"]}}}]},
		"Node":{"oneOf":[{"$ref":"#/components/schemas/A"},{"$ref":"#/components/schemas/B"}],"unevaluatedProperties":false},
		"A":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/components/schemas/Node"}},
			"kind":{"const":"a"}}},
		"B":{"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#/components/schemas/Node"}},
			"kind":{"const":"b"}}}}`
	for at := range 8 {
		kind, schema := []string{"b", "c"}[at%2], []string{"Node", "Both"}[at/2%2]
		c, err := New(document(t, `{"$ref":"#/components/schemas/`+schema+`"}`, components))
		if err != nil {
			t.Fatal(err)
		}
		levels, want := 5, kind == "b"
		if at >= 4 {
			levels, want = 49, false
		}
		raw := strings.Repeat(`{"kids":[`, levels) + strings.Repeat(`],"kind":"`+kind+`"}`, levels)
		begin := cpu()
		d := Parse([]byte(raw))
		if clean, r := c.Clean("thing", d), c.Check("thing", d, 0); clean != want || (len(r.Violations) == 0) != clean {
			t.Errorf("%s, kind %s: clean is %v, %q", schema, kind, clean, all(r))
		} else if levels == 49 && r.Violations[0].Rule != ruleNesting.ID {
			t.Errorf("%s, kind %s: %q", schema, kind, all(r))
		}
		if took := cpu() - begin; took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	}
}

func manyMembers(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"":0`)
	for i := 0; b.Len() < size-20; i++ {
		fmt.Fprintf(&b, `,"%x":0`, i)
	}
	b.WriteByte('}')
	return b.Bytes()
}
