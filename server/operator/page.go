package operator

import (
	"net/http"
	"strconv"
	"strings"
)

// The sizes of a page, as the document has them.
const defaultPage = 100

func limitOf(limit *int) int {
	if limit == nil {
		return defaultPage
	}
	return *limit
}

// cursor is the number that a page begins after. The document bounds its digits.
func cursor(after *string) (int64, error) {
	if after == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(*after, 10, 64)
	if err != nil {
		return 0, &refusal{status: http.StatusBadRequest, detail: "The parameter after is not as the document has it."}
	}
	return n, nil
}

// cut is a page of at most limit of the entries, which are one more where there is a next page.
func cut[T any](list []T, limit int, position func(T) string) (page []T, next *string) {
	if len(list) <= limit {
		return list, nil
	}
	page = list[:limit]
	last := position(page[limit-1])
	return page, &last
}

func text(n int64) string { return strconv.FormatInt(n, 10) }

// mapped are the entries as the document has them: an empty list is one.
func mapped[T, U any](list []T, shown func(T) U) []U {
	all := make([]U, len(list))
	for i, one := range list {
		all[i] = shown(one)
	}
	return all
}

// some points to what is there, and is nil for the zero value.
func some[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}

// given is the value of an optional parameter.
func given[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}

// narrowed says what narrows a list: names, each with its value, without those that are empty.
func narrowed(pairs ...string) string {
	var words []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			words = append(words, pairs[i]+"="+pairs[i+1])
		}
	}
	return strings.Join(words, " ")
}
