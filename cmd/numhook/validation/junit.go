package validation

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"numhook/server/terminal"
)

// junitReport is JUnit XML: a suite for each file, in it a case for each finding (an error fails it, a warning does
// not), and a case "valid" for a file without errors. The counts stand before what they count, so the cases wait in a
// spool.
type junitReport struct {
	*writer
	spool  spool
	suites []suite
	open   suite
}

// suite is a file.
type suite struct {
	file                    string
	tests, failures, errors int
	length                  int64 // of its cases in the spool
}

func newJUnitReport(w *writer) *junitReport { return &junitReport{writer: w} }

// escapeXML escapes for text and attributes. What XML cannot hold, such as control characters, becomes U+FFFD; what it
// can and a terminal would act upon, such as C1, becomes a reference to the character, which is the same text.
func escapeXML(s string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(s)) // a strings.Builder takes everything
	text := escaped.String()
	if strings.IndexFunc(text, terminal.Steers) < 0 && !strings.Contains(text, "##") {
		return text
	}
	var shown strings.Builder
	last := rune(0)
	for _, r := range text {
		if terminal.Steers(r) || r == '#' && last == '#' {
			fmt.Fprintf(&shown, "&#x%X;", r)
		} else {
			shown.WriteRune(r)
		}
		last = r
	}
	return shown.String()
}

func (r *junitReport) testCase(name, inside string) {
	r.open.tests++
	text := fmt.Sprintf("<testcase classname=\"%s\" name=\"%s\">%s</testcase>\n", escapeXML(r.open.file), escapeXML(name),
		inside)
	r.open.length += r.spool.write(text)
}

func (r *junitReport) Finding(f *Finding, _ excerpt) {
	if f.Known {
		return
	}
	r.open.file = f.File
	name := f.Rule
	if f.Payload > 0 {
		name = fmt.Sprintf("%s at %s of payload %d", f.Rule, rootOr(f.Pointer), f.Payload)
	}
	text := escapeXML(fmt.Sprintf("%s:%d:%d: %s: %s\n%s", f.File, f.Line, f.Column, f.Level, f.Message, originOf(f)))
	if f.Level == Error {
		r.open.failures++
		r.testCase(name, fmt.Sprintf("<failure type=\"%s\" message=\"%s\">%s</failure>", escapeXML(f.Rule),
			escapeXML(f.Message), text))
		return
	}
	r.testCase(name, "<system-out>"+text+"</system-out>")
}

func rootOr(pointer string) string {
	if pointer == "" {
		return "the root"
	}
	return pointer
}

func (r *junitReport) Unreadable(file string, err error) {
	r.open.file = file
	r.open.errors++
	r.testCase("readable", fmt.Sprintf("<error type=\"unreadable\" message=\"%s\"></error>",
		escapeXML("cannot read: "+err.Error())))
	r.close()
}

func (r *junitReport) File(name string, _ int) {
	r.open.file = name
	if r.open.failures == 0 {
		r.testCase("valid", "")
	}
	r.close()
}

func (r *junitReport) close() {
	r.suites = append(r.suites, r.open)
	r.open = suite{}
}

func (r *junitReport) Flush() error { return nil } // nothing can be said before the end

func (r *junitReport) End(Summary) (err error) {
	defer func() { err = errors.Join(err, r.spool.close()) }()
	var all suite
	for _, s := range r.suites {
		all.tests += s.tests
		all.failures += s.failures
		all.errors += s.errors
	}
	cases, err := r.spool.read()
	if err != nil {
		return err
	}
	r.printf("%s<testsuites name=\"numhook validate\" %s>\n", xml.Header, all.counts())
	for _, s := range r.suites {
		r.printf("<testsuite name=\"%s\" %s>\n", escapeXML(s.file), s.counts())
		if _, err := io.CopyN(r.writer, cases, s.length); err != nil {
			return fmt.Errorf("cannot write the report: %w", err)
		}
		r.printf("</testsuite>\n")
	}
	r.printf("</testsuites>\n")
	return r.writer.Flush()
}

func (s suite) counts() string {
	return fmt.Sprintf("tests=\"%d\" failures=\"%d\" errors=\"%d\" skipped=\"0\"", s.tests, s.failures, s.errors)
}
