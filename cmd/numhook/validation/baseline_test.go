package validation_test

import (
	"os"
	"strings"
	"testing"

	"numhook/cmd/numhook/validation"
)

// record writes the baseline of what is there, and reads it back.
func record(t *testing.T, paths ...string) *validation.Baseline {
	t.Helper()
	recorded := validation.NewBaseline("baseline.txt")
	got := run(t, validation.Options{Paths: paths, Record: recorded})
	if got.err != nil || recorded.Len() != len(got.findings) {
		t.Fatalf("got %v, %d of %d findings", got.err, recorded.Len(), len(got.findings))
	}
	if err := recorded.Write("baseline.txt"); err != nil {
		t.Fatal(err)
	}
	read, err := validation.ReadBaseline("baseline.txt")
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func TestBaselineKnowsWhatMoved(t *testing.T) {
	fault := func(accountID string) string {
		return strings.Replace(strings.Replace(line(goodObject), "3457", `"x"`, 1), `"A"`, `"`+accountID+`"`, 1)
	}
	good := line(goodObject)
	for _, one := range []struct{ name, file, before, after, found string }{
		{"the same", "a.ndjson", fault("1") + "\n" + fault("2"), fault("1") + "\n" + fault("2"), ""},
		{"lines moved", "a.ndjson", fault("1") + "\n" + fault("2"), good + "\n" + fault("2") + "\n\n" + fault("1"), ""},
		{"a new one", "a.ndjson", fault("1") + "\n", fault("0") + "\n" + fault("1"), "1"},
		{"another one", "a.ndjson", fault("1") + "\n", fault("0") + "\n", "1"},
		{"twice", "a.ndjson", fault("1") + "\n", fault("1") + "\n" + fault("1"), "2"},
		{"members moved", "a.ndjson", fault("1"), strings.NewReplacer(`"carrier_code":"x",`, "", "}}}",
			`,"carrier_code":"x"}}}`).Replace(fault("1")), ""},
		{"white space", "a.json", fault("1"), strings.ReplaceAll(fault("1"), ":", ": \n"), ""},
		{"another part of the only payload", "a.json", fault("1"), fault("2"), ""},
		{"another place in the only payload", "a.json", fault("1"), strings.Replace(fault("1"), "1739927164902", "true", 1),
			"1"},
		{"elements moved", "a.json", "[" + fault("1") + "," + fault("2") + "]", "[\n" + fault("2") + ",\n" + good + "," +
			fault("1") + "]", ""},
		{"fixed", "a.json", fault("1"), good, ""},
		{"malformed", "a.ndjson", "{x\n", "\n{x\n{y", "3"},
	} {
		t.Run(one.name, func(t *testing.T) {
			file(t, one.file, one.before)
			known := record(t, one.file)
			write(t, one.file, one.after)
			got := run(t, validation.Options{Paths: []string{one.file}, Known: known})
			var lines []string
			for _, f := range got.findings {
				lines = append(lines, positions([]validation.Finding{f})[:1])
			}
			if strings.Join(lines, "") != one.found || got.summary.Errors != len(one.found) {
				t.Errorf("want findings in lines %q, got\n%s%+v", one.found, positions(got.findings), got.summary)
			}
		})
	}
}

func TestBaselineHoldsNoValue(t *testing.T) {
	file(t, "a.json", strings.Replace(line(goodObject), `"cnam":"EXAMPLE"`, `"cnam":7,"+12025550199":1`, 1))
	record(t, "a.json")
	raw, err := os.ReadFile("baseline.txt")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), "1202555") || !strings.Contains(string(raw), `"rule":"unknown-member"`) {
		t.Errorf("got %s", raw)
	}
}

func TestKnownFindingsInSARIF(t *testing.T) {
	file(t, "a.ndjson", bad+"\n")
	known := record(t, "a.ndjson")
	write(t, "a.ndjson", `{"event":8}`+"\n"+bad+"\n")
	got := runFormat(t, validation.Options{Paths: []string{"a.ndjson"}, Known: known}, "sarif",
		validation.Style{Known: true})
	results := readSARIF(t, got.report).Runs[0].Results
	if len(results) != 2 || results[0].BaselineState != "new" || len(results[0].Suppressions) != 0 ||
		results[1].BaselineState != "unchanged" || results[1].Suppressions[0].Kind != "external" {
		t.Errorf("got %+v", results)
	}
	if got.summary.Errors != 1 || got.summary.Known != 1 {
		t.Errorf("got %+v", got.summary)
	}
}

func TestFingerprintsStayWhenLinesMove(t *testing.T) {
	print := func(text string) string {
		got := run(t, validation.Options{Paths: []string{file(t, "five.json", text)}})
		var prints []string
		for _, f := range got.findings {
			prints = append(prints, f.Fingerprint)
		}
		return strings.Join(prints, " ")
	}
	before, after := print(fiveFaults), print(strings.ReplaceAll("\n\n"+fiveFaults, "\n", "\r\n\t"))
	if before != after || len(before) != 5*33-1 {
		t.Errorf("got\n%s\n%s", before, after)
	}
}

func TestBaselinesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"[]":            "cannot read the baseline b: it is not one that --write-baseline wrote",
		`{"version":3}`: "cannot read the baseline b: its version is 3, not 1 or 2; write it anew with --write-baseline",
	} {
		if _, err := validation.ReadBaseline(file(t, "b", text)); err == nil || err.Error() != want {
			t.Errorf("got %v", err)
		}
	}
	if _, err := validation.ReadBaseline("missing"); err == nil || err.Error() != "cannot read the baseline missing: no "+
		"such file or directory" {
		t.Errorf("got %v", err)
	}
	if err := validation.NewBaseline("baseline.txt").Write("no/such/folder"); err == nil ||
		!strings.HasPrefix(err.Error(), "cannot write the baseline no/such/folder: ") {
		t.Errorf("got %v", err)
	}
}
