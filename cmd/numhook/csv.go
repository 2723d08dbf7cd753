package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"numhook/server/terminal"
)

// member is a column of CSV: a member of the JSON of the same entry.
type member struct {
	name string
	path []int // of fields
	omit bool  // where it is zero it is empty
}

// membersOf are the members of a struct in the order of its JSON. One that a list leaves out is marked `csv:"-"`.
func membersOf(t reflect.Type, path []int) (all []member) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		here := append(append([]int(nil), path...), i)
		switch {
		case field.Tag.Get("csv") == "-":
		case field.Anonymous && name == "":
			all = append(all, membersOf(field.Type, here)...)
		case field.IsExported() && name != "-":
			if name == "" {
				name = field.Name
			}
			all = append(all, member{name: name, path: here, omit: strings.HasPrefix(options, "omit")})
		}
	}
	return all
}

// recordOf is a struct as a record of CSV. A text stands as it is, and anything else as its JSON.
func recordOf(value any, members []member) []string {
	record := make([]string, len(members))
	of := reflect.ValueOf(value)
	for i, m := range members {
		field := of.FieldByIndex(m.path)
		if m.omit && field.IsZero() {
			continue
		}
		record[i] = csvCell(field.Interface())
	}
	return record
}

// csvCell is a value that neither steers a terminal nor is taken for a formula by a spreadsheet.
func csvCell(value any) string {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return ""
	}
	raw := bytes.TrimSuffix(encoded.Bytes(), []byte("\n"))
	var text string
	switch {
	case bytes.Equal(raw, []byte("null")):
		return ""
	case json.Unmarshal(raw, &text) == nil && raw[0] == '"':
		text = terminal.Escape(text)
	default:
		return string(terminal.JSON(raw))
	}
	if text != "" && strings.ContainsAny(text[:1], "=+-@") && strings.Trim(text[1:], "0123456789.") != "" {
		text = "'" + text
	}
	return text
}
