package diff

import (
	"encoding/json"
	"slices"
	"strings"

	"numhook/server/terminal"
)

func copyOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		all := make(map[string]any, len(v))
		for name, value := range v {
			all[name] = copyOf(value)
		}
		return all
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = copyOf(item)
		}
		return list
	}
	return v
}

// shrink takes out of a witness what it does not need to be one, and makes its texts short: a sentence has to show it.
func (s *search) shrink(body any) any {
	tries := 300
	holds := func(candidate any) bool {
		tries--
		if tries < 0 || s.lets.Validate(candidate) != nil {
			return false
		}
		_, refused := s.refusal(candidate)
		return refused
	}
	current := copyOf(body)
	var reduce func(v any, put func(any))
	reduce = func(v any, put func(any)) {
		for _, plain := range simpler(v) {
			if put(plain); holds(current) {
				return
			}
			put(v)
		}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range union(v, v) {
				value := v[name]
				if delete(v, name); holds(current) {
					continue
				}
				v[name] = value
				reduce(value, func(other any) { v[name] = other })
			}
		case []any:
			for len(v) > 0 {
				if put(v[:len(v)-1]); !holds(current) {
					put(v)
					break
				}
				v = v[:len(v)-1]
			}
			for i, item := range v {
				reduce(item, func(other any) { v[i] = other })
			}
		}
	}
	reduce(current, func(other any) { current = other })
	return current
}

// simpler are values to try in place of another one, the plainest first. What an example says about somebody is not
// shown where something plainer will do.
func simpler(v any) []any {
	switch v := v.(type) {
	case string:
		all := []any{"", "x"}
		if n := len([]rune(v)); n > 1 {
			all = append(all, strings.Repeat("x", n))
		}
		return slices.DeleteFunc(all, func(other any) bool { return other == v })
	case json.Number:
		return slices.DeleteFunc([]any{json.Number("0"), json.Number("1")}, func(other any) bool { return other == v })
	}
	return nil
}

// shown is a body as a sentence shows it.
func shown(body any) string {
	raw, err := json.Marshal(body)
	if err != nil {
		return "one that cannot be shown"
	}
	text := []rune(terminal.Line(string(raw)))
	if len(text) > maxShown {
		text = append(text[:maxShown], '…')
	}
	return string(text)
}
