package validation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"numhook/cmd/numhook/validation"
	"numhook/spec"
)

const (
	cnamEvent    = "number_management.peering_number_cnam_updated"
	addressEvent = "number_management.peering_number_emergency_address_updated"
)

var builtIn = sync.OnceValues(validation.BuiltIn)

// outcome is what a run came to.
type outcome struct {
	summary  validation.Summary
	err      error
	findings []validation.Finding
	unread   []string
	report   string
}

// run validates with JSON as the report, and reads it back.
func run(t *testing.T, o validation.Options) outcome {
	t.Helper()
	return runFormat(t, o, "json", validation.Style{})
}

func runFormat(t *testing.T, o validation.Options, format string, style validation.Style) outcome {
	t.Helper()
	return runReport(t, o, format, style, func(r validation.Report) validation.Report { return r })
}

// runGrouped is runFormat with findings put together.
func runGrouped(t *testing.T, o validation.Options, format string) outcome {
	t.Helper()
	return runReport(t, o, format, validation.Style{}, func(r validation.Report) validation.Report {
		return validation.Grouped(format, r)
	})
}

func runReport(
	t *testing.T, o validation.Options, format string, style validation.Style,
	wrap func(validation.Report) validation.Report,
) (result outcome) {
	t.Helper()
	if o.Document == nil {
		document, err := builtIn()
		if err != nil {
			t.Fatal(err)
		}
		o.Document = document
	}
	var out bytes.Buffer
	report, err := validation.NewReport(format, &out, style)
	if err != nil {
		t.Fatal(err)
	}
	o.Report, o.Fingerprints = wrap(report), true
	o.Complain = func(err error) { result.unread = append(result.unread, err.Error()) }
	result.summary, result.err = validation.Run(t.Context(), o)
	result.report = out.String()
	if format == "json" && (result.err == nil || errors.Is(result.err, validation.ErrNoPayload)) {
		result.findings = readJSON(t, out.Bytes()).Findings
	}
	return result
}

// file writes a file into a folder of the test's own and makes that the working directory.
func file(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// positions shows findings as "line:column rule pointer", one a line.
func positions(findings []validation.Finding) string {
	var list strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&list, "%d:%d %s %s\n", f.Line, f.Column, f.Rule, f.Pointer)
	}
	return list.String()
}

func example(t *testing.T, event string) string {
	t.Helper()
	text, ok := spec.Example(event)
	if !ok {
		t.Fatalf("there is no example of %s", event)
	}
	return string(text)
}

// line is a payload on one line, with the members of its object given.
func line(object string) string {
	return `{"event":"` + cnamEvent + `","event_ts":1739927164902,"payload":{"account_id":"A","object":{` + object + `}}}`
}

const goodObject = `"carrier_code":3457,"phone_numbers":["+12025550143"],"cnam":"EXAMPLE"`

func TestExamplesAreValid(t *testing.T) {
	t.Chdir("../../../spec")
	got := run(t, validation.Options{Paths: []string{"examples"}})
	want := validation.Summary{Files: 2, Payloads: 2}
	if got.summary != want || got.err != nil {
		t.Fatalf("got %+v, %v\n%s", got.summary, got.err, got.report)
	}
}

func TestEveryKindOfFindingInOneRun(t *testing.T) {
	text := `{"event":"` + cnamEvent + `","event_ts":1,"extra":0,"payload":{"account_id":"A","object":{` + goodObject +
		`,"carrier_code":1.5}}}`
	column := func(of string) int { return strings.LastIndex(text, of) + 1 }
	name := file(t, "all.json", text)
	got := run(t, validation.Options{Paths: []string{name}})
	want := fmt.Sprintf("1:%d event-ts-implausible /event_ts\n1:%d unknown-member /extra\n1:%d duplicate-member "+
		"/payload/object/carrier_code\n"+
		"1:%d type /payload/object/carrier_code\n", column(`1,"extra`), column(`"extra`), column(`"carrier_code`),
		column("1.5"))
	if positions(got.findings) != want {
		t.Errorf("got\n%swant\n%s", positions(got.findings), want)
	}
	if got.summary != (validation.Summary{Files: 1, Payloads: 1, Errors: 2, Warnings: 2}) {
		t.Errorf("got %+v", got.summary)
	}
	strict := run(t, validation.Options{Paths: []string{name}, Strict: true})
	if strict.summary.Errors != 4 || strict.summary.Warnings != 0 {
		t.Errorf("strict: got %+v", strict.summary)
	}
}

func TestUnknownEvent(t *testing.T) {
	name := file(t, "unknown.json", "{\n  \"event_ts\": 1739927164902,\n  \"event\": \"number_management.nothing\"\n}")
	got := run(t, validation.Options{Paths: []string{name}})
	if positions(got.findings) != "3:12 operation /event\n" || got.findings[0].Level != validation.Error {
		t.Errorf("got\n%s", got.report)
	}
	if strings.Contains(got.findings[0].Message, "nothing") {
		t.Errorf("the message quotes a value: %s", got.findings[0].Message)
	}
	for text, want := range map[string]string{
		`{"event_ts":1}`: "1:1 required /event\n",
		`{"event":5}`:    "1:10 type /event\n",
		`7`:              "1:1 type \n",
	} {
		if got := run(t, validation.Options{Paths: []string{file(t, "x.json", text)}}); positions(got.findings) != want {
			t.Errorf("%s: got\n%s", text, positions(got.findings))
		}
	}
}

func TestEventFlag(t *testing.T) {
	name := file(t, "x.ndjson", line(goodObject)+"\n"+strings.Replace(line(goodObject), cnamEvent, addressEvent, 1)+"\n")
	got := run(t, validation.Options{Paths: []string{name}, Event: cnamEvent})
	if positions(got.findings) != "2:10 event-mismatch /event\n" {
		t.Errorf("got\n%s", got.report)
	}
	got = run(t, validation.Options{Paths: []string{name}, Event: "cnam"})
	if got.err == nil || !strings.Contains(got.err.Error(), cnamEvent) {
		t.Errorf("an unknown event: got %v", got.err)
	}
}

func TestFindingsComeInOrderWhateverTheCores(t *testing.T) {
	var text strings.Builder
	const count = 20_000
	for i := range count {
		object := goodObject
		if i%3 == 0 {
			object = strings.Replace(object, "3457", `"x"`, 1)
		}
		text.WriteString(line(object) + "\n")
	}
	name := file(t, "many.ndjson", text.String())
	got := run(t, validation.Options{Paths: []string{name}})
	if got.summary.Payloads != count || got.summary.Errors != (count+2)/3 {
		t.Fatalf("got %+v", got.summary)
	}
	column := strings.Index(line(goodObject), "3457") + 1
	for i, f := range got.findings {
		if f.Line != 3*i+1 || f.Payload != 3*i+1 || f.Column != column {
			t.Fatalf("finding %d: got %+v", i, f)
		}
	}
}

func TestFindingsOfOnePayloadAreBounded(t *testing.T) {
	object := strings.Replace(goodObject, `"+12025550143"`, strings.Repeat("1,", 1999)+"1", 1)
	got := run(t, validation.Options{Paths: []string{file(t, "x.json", line(object))}})
	if got.summary.Errors != validation.MaxFindings || got.summary.Omitted != 1000 {
		t.Errorf("got %+v", got.summary)
	}
}

func TestInterruptedRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	document, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	report, _ := validation.NewReport("text", &bytes.Buffer{}, validation.Style{})
	stuck, writer := io.Pipe() // a read that never returns
	defer writer.Close()
	_, err = validation.Run(ctx, validation.Options{Paths: []string{"-"}, Stdin: stuck, Document: document,
		Report: report})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// packageFolder is where the test data is, whatever the working directory of a test.
var packageFolder = func() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return folder
}()
