package validation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"numhook/cmd/numhook/validation"
)

// fiveFaults is a payload with a fault on each of five lines, and fivePositions where they are.
const fiveFaults = `{
  "event": "` + cnamEvent + `",
  "event_ts": "1739927164902",
  "payload": {
    "account_id": 7,
	"object": {
      "carrier_code": 3457.5,
      "phone_numbers": [
        "+12025550143", 5
      ],
      "cnam": null
    }
  }
}
`

var fivePositions = []string{"3:15", "5:19", "7:23", "9:25", "11:15"}

func TestFiveFaultsInEveryFormat(t *testing.T) {
	name := file(t, "five.json", fiveFaults)
	for _, format := range validation.Formats() {
		t.Run(format, func(t *testing.T) {
			got := runFormat(t, validation.Options{Paths: []string{name}}, format, validation.Style{Document: "built-in"})
			if got.err != nil || got.summary.Errors != 5 || got.summary.Warnings != 0 {
				t.Fatalf("got %+v, %v", got.summary, got.err)
			}
			found := map[string]func(*testing.T, string) []string{
				"text": textPositions, "json": jsonPositions, "sarif": sarifPositions, "junit": junitPositions,
				"github": githubPositions,
			}[format](t, got.report)
			if strings.Join(found, " ") != strings.Join(fivePositions, " ") {
				t.Errorf("want %v, got %v in\n%s", fivePositions, found, got.report)
			}
		})
	}
}

func textPositions(t *testing.T, report string) (positions []string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(report, "\n"), "\n")
	for len(lines) >= 4 {
		found := regexp.MustCompile(`^five\.json:(\d+):(\d+): error: .* \(type\)$`).FindStringSubmatch(lines[0])
		if found == nil {
			t.Fatalf("not a finding: %q", lines[0])
		}
		positions = append(positions, found[1]+":"+found[2])
		// The caret stands below the value.
		caret := strings.IndexByte(lines[3], '^')
		if value := lines[2][caret:]; !regexp.MustCompile(`^("1739927164902"|7|3457\.5|5|null)`).MatchString(value) {
			t.Errorf("the caret stands below %q", value)
		}
		lines = lines[4:]
	}
	if len(lines) != 1 || lines[0] != "5 errors in 1 payload of 1 file" {
		t.Errorf("the end is %q", lines)
	}
	return positions
}

func jsonPositions(t *testing.T, report string) (positions []string) {
	t.Helper()
	read := readJSON(t, []byte(report))
	if read.Version != 1 || read.Document != "built-in" || read.Valid || read.Summary.Errors != 5 ||
		read.Unreadable == nil {
		t.Errorf("got %+v", read)
	}
	for _, f := range read.Findings {
		if f.File != "five.json" || f.Level != "error" || f.Kind != "violation" || f.Rule != "type" || f.Payload != 1 ||
			f.Event != cnamEvent ||
			!strings.HasSuffix(f.Spec, "/type") || len(f.Fingerprint) != 32 {
			t.Errorf("got %+v", f)
		}
		positions = append(positions, fmt.Sprintf("%d:%d", f.Line, f.Column))
	}
	return positions
}

func sarifPositions(t *testing.T, report string) (positions []string) {
	t.Helper()
	log := readSARIF(t, report)
	only := log.Runs[0]
	if log.Version != "2.1.0" || len(log.Runs) != 1 || only.ColumnKind != "utf16CodeUnits" ||
		!only.Invocations[0].ExecutionSuccessful {
		t.Errorf("got %+v", log)
	}
	prints := map[string]bool{}
	for _, r := range only.Results {
		at := r.Locations[0].PhysicalLocation
		if r.Level != "error" || only.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.RuleID != "type" ||
			at.ArtifactLocation.URI != "five.json" || at.ArtifactLocation.URIBaseID != "%SRCROOT%" {
			t.Errorf("got %+v", r)
		}
		prints[r.PartialFingerprints["numhookFinding/v1"]] = true
		positions = append(positions, fmt.Sprintf("%d:%d", at.Region.StartLine, at.Region.StartColumn))
	}
	if len(prints) != 5 || prints[""] {
		t.Errorf("the fingerprints are %v", prints)
	}
	return positions
}

func junitPositions(t *testing.T, report string) (positions []string) {
	t.Helper()
	suites := readJUnit(t, report)
	if len(suites.Suites) != 1 || suites.Suites[0].Name != "five.json" || suites.Failures != 5 || suites.Tests != 5 {
		t.Errorf("got %+v", suites)
	}
	for _, c := range suites.Suites[0].Cases {
		found := regexp.MustCompile(`^five\.json:(\d+):(\d+): error: `).FindStringSubmatch(c.Failure.Text)
		if found == nil || c.Failure.Type != "type" || c.Class != "five.json" {
			t.Fatalf("got %+v", c.Failure)
		}
		positions = append(positions, found[1]+":"+found[2])
	}
	return positions
}

func githubPositions(t *testing.T, report string) (positions []string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSuffix(report, "\n"), "\n") {
		found := regexp.MustCompile(`^::error file=five\.json,line=(\d+),col=(\d+),title=numhook%3A type::` +
			`five\.json:(\d+:\d+): the value must be .* \(type, at /.*\)$`).FindStringSubmatch(line)
		if found == nil {
			if line != "5 errors in 1 payload of 1 file" {
				t.Errorf("not a command: %q", line)
			}
			continue
		}
		if found[3] != found[1]+":"+found[2] {
			t.Errorf("the message is at another place than the command: %q", line)
		}
		positions = append(positions, found[3])
	}
	return positions
}

// oddNames are file and member names that every format has to escape.
func oddNames(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	const name = "a b/100% <x>,é:#?&\"'.json"
	if err := os.Mkdir("a b", 0o700); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(line(goodObject), `"account_id"`, `"\u0000\u001b[31m\n::error::<&\">]]>\uffff":1,"account_id"`,
		1)
	if err := os.WriteFile(name, []byte("["+text+",\n5]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a b/gone.json", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a b/cut.ndjson.gz", []byte("\x1f\x8b"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "a b"
}

func TestOddNamesInEveryFormat(t *testing.T) {
	folder := oddNames(t)
	o := validation.Options{Paths: []string{folder}}
	text := runFormat(t, o, "text", validation.Style{}).report
	if strings.ContainsAny(text, "\x00\x1b") || !strings.Contains(text, `/payload/\u0000\u001b[31m\n::error::`) {
		t.Errorf("text: got %q", text)
	}
	log := readSARIF(t, runFormat(t, o, "sarif", validation.Style{}).report)
	at := log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation
	if at.URI != "a%20b/100%25%20%3Cx%3E,%C3%A9:%23%3F&%22%27.json" {
		t.Errorf("sarif: got %+v", at)
	}
	if calls := log.Runs[0].Invocations[0]; calls.ExecutionSuccessful ||
		calls.ToolExecutionNotifications[0].Message.Text != "cannot read: its compressed data is cut off" {
		t.Errorf("sarif: got %+v", calls)
	}
	suites := readJUnit(t, runFormat(t, o, "junit", validation.Style{}).report)
	if suites.Errors != 1 || suites.Failures != 2 || suites.Tests != 4 {
		t.Errorf("junit: got %+v", suites.junitCounts)
	}
	github := runFormat(t, o, "github", validation.Style{}).report
	if lines := strings.Split(strings.TrimSpace(github), "\n"); len(lines) != 5 ||
		!strings.HasPrefix(lines[0], "::warning file=a b/100%25 <x>%2Cé%3A#?&\"'.json,line=1,col=") ||
		strings.Contains(github, "\n::error::") {
		t.Errorf("github: got %s", github)
	}
	got := run(t, o)
	if got.findings[0].File != "a b/100% <x>,é:#?&\"'.json" ||
		got.findings[0].Pointer != "/payload/\x00\x1b[31m\n::error::<&\">]]>\uffff" {
		t.Errorf("json: got %+v", got.findings)
	}
	if got.summary != (validation.Summary{Files: 2, Payloads: 3, Errors: 2, Warnings: 1, Unreadable: 1}) {
		t.Errorf("got %+v", got.summary)
	}
}

func TestReportsOfNothingFound(t *testing.T) {
	name := file(t, "good.ndjson", strings.Repeat(line(goodObject)+"\n", 3))
	o := validation.Options{Paths: []string{name}}
	if got := runFormat(t, o, "text", validation.Style{}).report; got != "no findings in 3 payloads of 1 file\n" {
		t.Errorf("text: got %q", got)
	}
	if got := runFormat(t, o, "github", validation.Style{}).report; got != "no findings in 3 payloads of 1 file\n" {
		t.Errorf("github: got %q", got)
	}
	if log := readSARIF(t, runFormat(t, o, "sarif", validation.Style{}).report); log.Runs[0].Results == nil ||
		len(log.Runs[0].Results) != 0 {
		t.Errorf("sarif: got %+v", log.Runs[0].Results)
	}
	if suites := readJUnit(t, runFormat(t, o, "junit", validation.Style{}).report); suites.Tests != 1 ||
		suites.Suites[0].Cases[0].Name != "valid" {
		t.Errorf("junit: got %+v", suites)
	}
	if read := readJSON(t, []byte(runFormat(t, o, "json", validation.Style{}).report)); !read.Valid ||
		read.Findings == nil {
		t.Errorf("json: got %+v", read)
	}
}

func TestWarningsInEveryFormat(t *testing.T) {
	name := file(t, "drift.json", strings.Replace(line(goodObject), `"account_id"`, `"extra":1,"account_id"`, 1))
	o := validation.Options{Paths: []string{name}}
	if got := runFormat(t, o, "text", validation.Style{}).report; !strings.Contains(got, " warning: ") ||
		!strings.HasSuffix(got, "\n1 warning in 1 payload of 1 file\n") {
		t.Errorf("text: got %s", got)
	}
	if got := runFormat(t, o, "github", validation.Style{}).report; !strings.HasPrefix(got,
		"::warning file=drift.json,line=1,col=") {
		t.Errorf("github: got %s", got)
	}
	suites := readJUnit(t, runFormat(t, o, "junit", validation.Style{}).report)
	if cases := suites.Suites[0].Cases; len(cases) != 2 || cases[0].Out == nil || cases[1].Name != "valid" ||
		suites.Failures != 0 {
		t.Errorf("junit: got %+v", suites)
	}
	if log := readSARIF(t, runFormat(t, o, "sarif", validation.Style{}).report); log.Runs[0].Results[0].Level !=
		"warning" {
		t.Errorf("sarif: got %+v", log.Runs[0].Results)
	}
	if read := readJSON(t, []byte(runFormat(t, o, "json", validation.Style{}).report)); !read.Valid ||
		read.Summary.Warnings != 1 {
		t.Errorf("json: got %+v", read)
	}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 500)
	for _, one := range []struct{ text, line, below string }{
		{"{\"event\":\t5}", `  1 | {"event":    5}`, "5"},
		{`{"a":"東京😀","event":5}`, `  1 | {"a":"東京😀","event":5}`, ""},
		{`{"a":"` + long + `","event":5,"b":"` + long + `"}`,
			`  1 | …` + long[:50] + `","event":5,"b":"` + long[:43] + `…`, "5"},
		{"{\"a\":\"\u202e\x7f\u009b##[\",\"event\":5}", `  1 | {"a":"\u202e\u007f\u009b#\u0023[","event":5}`, "5"},
	} {
		name := file(t, "x.json", one.text)
		lines := strings.Split(runFormat(t, validation.Options{Paths: []string{name}}, "text", validation.Style{}).report,
			"\n")
		if lines[2] != one.line {
			t.Errorf("want %q\n got %q", one.line, lines[2])
		}
		if caret := []rune(lines[3]); one.below != "" && string([]rune(lines[2])[len(caret)-1]) != one.below {
			t.Errorf("the caret is at the wrong place:\n%s\n%s", lines[2], lines[3])
		}
	}
	// A wide character takes two columns of a terminal: the caret stands behind three of them.
	name := file(t, "x.json", `{"a":"東京😀","event":5}`)
	lines := strings.Split(runFormat(t, validation.Options{Paths: []string{name}}, "text", validation.Style{}).report,
		"\n")
	if want := strings.Repeat(" ", len(`{"a":"`)+6+len(`","event":`)) + "^"; lines[3] != "    | "+want {
		t.Errorf("got %q", lines[3])
	}
}

func TestColours(t *testing.T) {
	name := file(t, "five.json", fiveFaults)
	report := runFormat(t, validation.Options{Paths: []string{name}}, "text", validation.Style{Color: true}).report
	if !strings.HasPrefix(report, "\x1b[1mfive.json:3:15:\x1b[0m \x1b[1;31merror:\x1b[0m ") {
		t.Errorf("got %q", report[:100])
	}
	if plain := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(report, ""); plain != runFormat(t,
		validation.Options{Paths: []string{name}}, "text", validation.Style{}).report {
		t.Errorf("colours change the text")
	}
}

// TestManyFindings has more of them than a report keeps in memory.
func TestManyFindings(t *testing.T) {
	const count = 30_000
	name := file(t, "bad.ndjson", strings.Repeat("{}\n", count))
	o := validation.Options{Paths: []string{name}}
	suites := readJUnit(t, runFormat(t, o, "junit", validation.Style{}).report)
	if suites.Failures != count || suites.Suites[0].Cases[count-1].Name != "required at /event of payload "+
		strconv.Itoa(count) {
		t.Errorf("junit: got %+v", suites.junitCounts)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "numhook-report-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNamesAreRelativeToTheCheckout(t *testing.T) {
	name := file(t, "five.json", fiveFaults)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	style := validation.Style{Root: filepath.Dir(here)}
	want := filepath.Base(here) + "/five.json"
	o := validation.Options{Paths: []string{filepath.Join(here, name)}}
	if got := runFormat(t, o, "github", style).report; !strings.HasPrefix(got, "::error file="+want+",line=3,") {
		t.Errorf("github: got %s", got)
	}
	if log := readSARIF(t,
		runFormat(t, o, "sarif", style).report); log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI !=
		want {
		t.Errorf("sarif: got %+v", log.Runs[0].Results[0])
	}
	t.Chdir(t.TempDir())
	log := readSARIF(t, runFormat(t, o, "sarif", validation.Style{}).report)
	if at := log.Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation; at.URI != "file://"+
		filepath.ToSlash(here)+"/five.json" || at.URIBaseID != "" {
		t.Errorf("sarif: got %+v", at)
	}
}

func TestRulesAreStable(t *testing.T) {
	raw, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	var now strings.Builder
	seen := map[string]bool{}
	for _, r := range validation.Rules() {
		if seen[r.ID] || !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(r.ID) || !strings.HasSuffix(r.Text, ".") {
			t.Errorf("rule %+v", r)
		}
		seen[r.ID] = true
		fmt.Fprintf(&now, "%s %s\n", r.Kind, r.ID)
	}
	if now.String() != string(raw) {
		t.Errorf("rules are named in reports, baselines and rules.md; testdata/rules.txt lists\n%sand the code has\n%s", raw,
			now.String())
	}
}
