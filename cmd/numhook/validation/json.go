package validation

import (
	"encoding/json"

	"numhook/server/terminal"
)

// jsonVersion is that of the JSON report. It grows when a member changes its meaning or goes, not when one is added.
const jsonVersion = 1

// jsonReport is one JSON object, for programs: {"version", "document", "findings": [...], "unreadable": [...],
// "summary": {...}, "valid"}.
type jsonReport struct {
	*writer
	style      Style
	findings   int
	unreadable []jsonUnreadable
}

type jsonUnreadable struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

func newJSONReport(w *writer, style Style) *jsonReport {
	r := &jsonReport{writer: w, style: style, unreadable: []jsonUnreadable{}}
	r.printf("{\"version\":%d,\"document\":%s,\"findings\":[", jsonVersion, encode(style.Document))
	return r
}

// encode is the value as JSON. What is encoded here are plain structs, which cannot fail.
func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic("cannot write JSON: " + err.Error())
	}
	return terminal.JSON(text)
}

// separator stands before the nth element of a list, from 0.
func separator(n int) string {
	if n == 0 {
		return "\n"
	}
	return ",\n"
}

func (r *jsonReport) Finding(f *Finding, _ excerpt) {
	if f.Known {
		return
	}
	r.printf("%s%s", separator(r.findings), encode(f))
	r.findings++
}

func (r *jsonReport) Unreadable(file string, err error) {
	r.unreadable = append(r.unreadable, jsonUnreadable{file, err.Error()})
}

func (r *jsonReport) File(string, int) {}

func (r *jsonReport) End(s Summary) error {
	valid := s.Errors == 0 && s.Unreadable == 0 && s.Payloads > 0
	r.printf("],\n\"unreadable\":%s,\n\"summary\":%s,\n\"valid\":%t}\n", encode(r.unreadable), encode(s), valid)
	return r.Flush()
}
