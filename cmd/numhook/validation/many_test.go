package validation_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"numhook/cmd/numhook/validation"
)

// manyFindings writes a file of so many payloads, which have a new member each. One of three has a fault besides, and
// one of three has two elements that are wrong.
func manyFindings(t *testing.T, count int) validation.Options {
	t.Helper()
	var text strings.Builder
	for i := range count {
		object := goodObject + `,"new":1`
		switch i % 3 {
		case 1:
			object = strings.Replace(object, "3457", `"x"`, 1)
		case 2:
			object = strings.Replace(object, `"+12025550143"`, `"+12025550143",7,8`, 1)
		}
		text.WriteString(line(object) + "\n")
	}
	return validation.Options{Paths: []string{file(t, "many.ndjson", text.String())}}
}

func TestSARIFOfManyFindingsIsBounded(t *testing.T) {
	for _, one := range []struct{ payloads, most int }{
		{30_000, validation.MaxResults}, {3_000, 1}, {3_000, 3_500}, {300, 0},
	} {
		told, most := "", one.most
		o := manyFindings(t, one.payloads)
		report := runFormat(t, o, "sarif", validation.Style{MaxResults: most, Tell: func(text string) { told = text }}).report
		log := readSARIF(t, report)
		results, left := log.Runs[0].Results, log.Runs[0].Properties.LeftOut
		want, wantLeft := 2*one.payloads, [3]int{}
		if most > 0 {
			want, wantLeft = most, [3]int{max(0, one.payloads-most), one.payloads - max(0, most-one.payloads)}
		}
		if len(results) != want || [3]int{left.Errors, left.Warnings, left.Known} != wantLeft {
			t.Errorf("at most %d: got %d results, left out %+v", most, len(results), left)
		}
		last := "error"
		for i, r := range results {
			if last == "warning" && r.Level == "error" {
				t.Fatalf("at most %d: result %d is an error behind a warning", most, i)
			}
			last = r.Level
		}
		notes := log.Runs[0].Invocations[0].ToolExecutionNotifications
		if most == 0 {
			if told != "" || len(notes) != 0 {
				t.Errorf("nothing is left out, and told is %q, %v", told, notes)
			}
			continue
		}
		if !strings.Contains(told, ",000 results, errors first") || len(notes) != 1 || notes[0].Level != "warning" ||
			notes[0].Message.Text != told {
			t.Errorf("at most %d: told %q, %+v", most, told, notes)
		}
	}
}

func TestGroups(t *testing.T) {
	o := manyFindings(t, 3_000)
	got := runGrouped(t, o, "json")
	var seen []string
	prints := map[string]bool{}
	for _, f := range got.findings {
		seen = append(seen, fmt.Sprintf("line %d: %s %s %s %d in %d", f.Line, f.Level, f.Rule, f.Pointer, f.Count,
			f.Payloads))
		prints[f.Fingerprint] = true
	}
	want := []string{
		"line 3: error type /payload/object/phone_numbers/1 2000 in 1000",
		"line 2: error type /payload/object/carrier_code 1000 in 1000",
		"line 1: warning unknown-member /payload/object/new 3000 in 3000",
	}
	if !slices.Equal(seen, want) {
		t.Fatalf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(seen, "\n"))
	}
	if len(prints) != 3 || !strings.HasSuffix(got.findings[0].Message,
		" [2,000 times in 1,000 payloads, here first]") {
		t.Errorf("got %+v", got.findings)
	}
	if got.summary.Errors != 3_000 || got.summary.Warnings != 3_000 {
		t.Errorf("got %+v", got.summary)
	}
	log := readSARIF(t, runGrouped(t, o, "sarif").report)
	if results := log.Runs[0].Results; len(results) != 3 || results[2].OccurrenceCount != 3_000 ||
		results[2].PartialFingerprints["numhookGroup/v1"] == "" {
		t.Errorf("got %+v", results)
	}
}

// A group keeps its fingerprint when payloads are added, and of JUnit's suites each has groups of its own.
func TestGroupsStay(t *testing.T) {
	broken := strings.Replace(line(goodObject), "3457", `"x"`, 1)
	name := file(t, "a.ndjson", broken+"\n")
	one := runGrouped(t, validation.Options{Paths: []string{name}}, "json").findings
	write(t, name, line(goodObject)+"\n"+broken+"\n"+broken+"\n")
	write(t, "b.ndjson", broken+"\n")
	two := runGrouped(t, validation.Options{Paths: []string{name, "b.ndjson"}}, "json").findings
	if len(one) != 1 || len(two) != 1 || one[0].Fingerprint != two[0].Fingerprint || two[0].Payloads != 3 {
		t.Errorf("got %+v and %+v", one, two)
	}
	suites := readJUnit(t, runGrouped(t, validation.Options{Paths: []string{name, "b.ndjson"}}, "junit").report)
	if len(suites.Suites) != 2 || suites.Suites[0].Failures != 1 || suites.Suites[1].Failures != 1 {
		t.Errorf("got %+v", suites)
	}
}

// TestGitHubLinesStandAlone reads what the log of a step shows: the messages, without the places that the commands
// carry.
func TestGitHubLinesStandAlone(t *testing.T) {
	report := runFormat(t, manyFindings(t, 30_000), "github", validation.Style{}).report
	lines := strings.Split(strings.TrimSuffix(report, "\n"), "\n")
	if len(lines) != 60_001 {
		t.Fatalf("got %d lines", len(lines))
	}
	seen := map[string]bool{}
	for _, line := range lines[:60_000] {
		_, message, _ := strings.Cut(strings.TrimPrefix(line, "::"), "::")
		if !regexp.MustCompile(`^many\.ndjson:\d+:\d+: .* \((type|unknown-member), at /`).MatchString(message) ||
			seen[message] {
			t.Fatalf("not usable alone: %q", message)
		}
		seen[message] = true
	}
	if want := "30,000 errors and 30,000 warnings in 30,000 payloads of 1 file; GitHub makes annotations of the first " +
		"10 errors and the first 10 warnings of a step, and this log has all"; lines[60_000] != want {
		t.Errorf("the last line is %q", lines[60_000])
	}
}

func TestLevelsOfRules(t *testing.T) {
	text := strings.Replace(line(goodObject+`,"new":1`), "3457", `"x"`, 1)
	o := validation.Options{Paths: []string{file(t, "a.json", text)}}
	for levels, want := range map[string]validation.Summary{
		"":                          {Errors: 1, Warnings: 1},
		"type=off":                  {Warnings: 1, Off: 1},
		"type=warning":              {Warnings: 2},
		"unknown-member=error":      {Errors: 2},
		"type=off,size=off":         {Warnings: 1, Off: 1},
		"strict,type=warning":       {Errors: 1, Warnings: 1},
		"strict,unknown-member=off": {Errors: 1, Off: 1},
	} {
		o.Levels, o.Strict = validation.Levels{}, false
		for _, one := range strings.Split(levels, ",") {
			if one == "strict" {
				o.Strict = true
			} else if one != "" {
				if err := o.Levels.Set(one); err != nil {
					t.Fatal(err)
				}
			}
		}
		want.Files, want.Payloads = 1, 1
		o.Record = validation.NewBaseline("baseline.txt")
		if got := run(t, o); got.summary != want || len(got.findings) != want.Errors+want.Warnings ||
			o.Record.Len() != len(got.findings) {
			t.Errorf("%s: got %+v, %d in the baseline", levels, got.summary, o.Record.Len())
		}
	}
	for text, want := range map[string]string{
		"member=off": `there is no rule "member" (there is duplicate-member, unknown-member)`,
		"qqq=off":    `there is no rule "qqq"`,
		"type":       `"type" does not say what becomes of the rule: it must be type=off, type=warning or type=error`,
	} {
		if err := (validation.Levels{}).Set(text); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
