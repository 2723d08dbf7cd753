package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// functions are those of the templates.
func (p *Page) functions() template.FuncMap {
	return template.FuncMap{
		"utc":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" },
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"age":     func(t time.Time) string { return age(p.Now().Sub(t)) },
		"millis":  time.UnixMilli,
		"menu":    menu,
		"path":    address,
		"short":   short,
		"event":   shortEvent,
	}
}

// age is how long ago something was, in one unit.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d/day))
}

// short is the beginning of an event's identity.
func short(id string) string {
	const digits = 12
	return id[:min(digits, len(id))]
}

// shortEvent is an event's name without what all of them begin with.
func shortEvent(name string) string {
	return strings.TrimPrefix(name, "number_management.peering_number_")
}

// line is a value in one line: a text as it is, of an object the values in their order.
func line(value json.RawMessage) string {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	first, err := decoder.Token()
	if err != nil {
		return string(value)
	}
	if first != json.Delim('{') {
		if text, ok := first.(string); ok {
			return text
		}
		return string(value)
	}
	var words []string
	for decoder.More() {
		var member json.RawMessage
		if _, err := decoder.Token(); err != nil { // its name
			return string(value)
		}
		if err := decoder.Decode(&member); err != nil {
			return string(value)
		}
		if text := line(member); text != "" {
			words = append(words, text)
		}
	}
	return strings.Join(words, ", ")
}
