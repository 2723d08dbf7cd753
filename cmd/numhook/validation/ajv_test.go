package validation_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/spec"
)

// ajvFolder is where "make ajv" installs ajv, below the repository's root.
const ajvFolder = ".bin/ajv"

// requireAJV is the folder with ajv. Without it or without node the test is skipped, but not where everything is to be
// there.
func requireAJV(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("../../..", ajvFolder))
	if err != nil {
		t.Fatal(err)
	}
	_, missing := os.Stat(filepath.Join(folder, "node_modules", "ajv"))
	if _, noNode := exec.LookPath("node"); missing != nil || noNode != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("there is no node, or no ajv in %s: run 'make ajv'", ajvFolder)
		}
		t.Skipf("NOT COMPARED WITH AJV: there is no node, or no ajv in %s: run 'make ajv'", ajvFolder)
	}
	return folder
}

// The reasons for which a verdict may differ from ajv's. spec/DIVERGENCES.md has them, too.
const (
	// JSON.parse lets it through: duplicate members, lone surrogates, invalid UTF-8, deep nesting
	byStrictness = "strict JSON"
	byFormat     = "integer formats" // int32 and int64 are bounds for us, and off in ajv
	byPrecision  = "exact numbers"   // JSON.parse rounds the fraction away
	// a body that names another event of the contract than the one that it is held against
	byName = "another event's name"
	byMark = "byte order mark" // RFC 8259 lets a parser skip it, and JSON.parse does not
)

// reasonFor explains a difference, or is empty.
func reasonFor(payload string, found []event.Finding, verdict byte) string {
	if len(found) == 0 { // valid for us
		if verdict == 's' && strings.HasPrefix(payload, "\ufeff") {
			return byMark
		}
		return ""
	}
	if verdict != 'v' {
		return ""
	}
	strict := []string{"duplicate-member", "surrogate", "utf8", "nesting"}
	if slices.ContainsFunc(found, func(f event.Finding) bool { return slices.Contains(strict, f.Rule) }) {
		return byStrictness // what JSON.parse makes of it is another value than the one that stands there
	}
	reasons := map[string]bool{}
	for _, f := range found {
		switch f.Rule {
		case "event-mismatch":
			reasons[byName] = true
		case "format":
			reasons[byFormat] = true
		case "type":
			if !roundedToInteger(payload[f.Offset:]) {
				return ""
			}
			reasons[byPrecision] = true
		default:
			return ""
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(reasons)), " and ")
}

// roundedToInteger reports whether the text begins with a number that is no integer, and whose double is one.
func roundedToInteger(text string) bool {
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("+-.eE0123456789", r) })
	if end < 0 {
		end = len(text)
	}
	value, err := strconv.ParseFloat(text[:end], 64)
	return err == nil && value == math.Trunc(value)
}

const mutants = 50_000

// mutated makes payloads, most of them JSON and some of them nearly so, each with the event that it is held against.
func mutated(t *testing.T, seed uint64) (events, payloads []string) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 0))
	names := spec.Examples()
	originals := map[string]*mutant{}
	for _, name := range names {
		text, _ := spec.Example(name)
		originals[name] = newMutant(t, text)
	}
	for len(payloads) < mutants {
		name := names[random.IntN(len(names))]
		m := originals[name].clone()
		for range random.IntN(4) {
			m.mutate(random)
		}
		var text strings.Builder
		m.write(&text)
		payload := text.String()
		if random.IntN(5) == 0 {
			payload = scar(payload, random)
		}
		events, payloads = append(events, name), append(payloads, payload)
	}
	return events, payloads
}

// ajvVerdicts are ajv's: v, i or s for each payload.
func ajvVerdicts(t *testing.T, events, payloads []string) string {
	t.Helper()
	folder := requireAJV(t)
	var input bytes.Buffer
	for i := range payloads {
		fmt.Fprintf(&input, "%s %s\n", events[i], base64.StdEncoding.EncodeToString([]byte(payloads[i])))
	}
	dir := t.TempDir()
	for name, raw := range map[string][]byte{"payloads": input.Bytes(), "document.json": spec.Receiver()} {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	node := exec.CommandContext(t.Context(), "node", "testdata/ajv/verdicts.mjs", folder,
		filepath.Join(dir, "document.json"), filepath.Join(dir, "payloads"))
	node.Stderr = os.Stderr
	out, err := node.Output()
	verdicts := strings.TrimSpace(string(out))
	if err != nil || len(verdicts) != len(payloads) {
		t.Fatalf("%d verdicts on %d payloads: %v", len(verdicts), len(payloads), err)
	}
	return verdicts
}

// TestVerdictsEqualAJVs compares the verdicts on mutated payloads with those of ajv (2020-12, strict mode and formats
// off). A difference has a reason that spec/DIVERGENCES.md knows, or is a failure.
func TestVerdictsEqualAJVs(t *testing.T) {
	requireAJV(t)
	divergences, err := os.ReadFile("../../../spec/DIVERGENCES.md")
	if err != nil {
		t.Fatal(err)
	}
	document, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	events, payloads := mutated(t, 20250215)
	verdicts := ajvVerdicts(t, events, payloads)
	valid, reasons := 0, map[string]int{}
	var d contract.Document
	for i, payload := range payloads {
		d.Reset([]byte(payload))
		found := document.Contract.Check(events[i], &d, 0).Violations
		if len(found) == 0 {
			valid++
		}
		if (len(found) == 0) == (verdicts[i] == 'v') {
			continue
		}
		reason := reasonFor(payload, found, verdicts[i])
		if reason == "" {
			t.Errorf("payload %d: ajv says %c, we say %+v: %q", i, verdicts[i], found, payload)
		}
		reasons[reason]++
	}
	t.Logf("%d payloads, %d valid; ajv: %d valid, %d invalid, %d not JSON; differences: %v", len(payloads), valid,
		strings.Count(verdicts, "v"), strings.Count(verdicts, "i"), strings.Count(verdicts, "s"), reasons)
	if valid < mutants/20 || valid > mutants-mutants/20 {
		t.Errorf("%d of %d payloads are valid: there is little to compare", valid, mutants)
	}
	for _, reason := range []string{byStrictness, byFormat, byPrecision, byName, byMark} {
		if reasons[reason] == 0 {
			t.Errorf("nothing differs by %s, and spec/DIVERGENCES.md says so", reason)
		}
		if !strings.Contains(string(divergences), "| "+reason+" |") {
			t.Errorf("spec/DIVERGENCES.md does not list %s", reason)
		}
	}
}
