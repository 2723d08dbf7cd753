package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"numhook/server/event"
)

// reserved are the headers that are not for the configuration: they are ours, or decide where the request ends.
var reserved = []string{
	HeaderID, HeaderTimestamp, HeaderSignature, "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding",
	"Host", "Connection", "Keep-Alive",
	"Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Expect", "Accept-Encoding",
}

// parseHeaders takes the configured headers. Errors name the header, and never quote a value.
func parseHeaders(configured map[string]string) (http.Header, error) {
	headers := http.Header{}
	for name, value := range configured {
		wrong := func(why, hint string) error {
			return &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot use the header %q", name), Hint: hint,
				Err: errors.New(why)}
		}
		if !isToken(name) {
			return nil, wrong("a header's name consists of letters, digits and hyphens", "")
		}
		canonical := http.CanonicalHeaderKey(name)
		if slices.Contains(reserved, canonical) {
			return nil, wrong("numhook sets it by itself", "leave it out")
		}
		if _, twice := headers[canonical]; twice {
			return nil, wrong("it is there twice, and case makes no difference", "")
		}
		if value == "" || strings.TrimSpace(value) != value {
			return nil, wrong("its value is empty, or begins or ends with white space", "")
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			return nil, wrong("its value holds a line end, another control character, or a character that is not ASCII", "")
		}
		headers[canonical] = []string{value}
	}
	if headers.Get("User-Agent") == "" {
		headers.Set("User-Agent", "numhook")
	}
	headers.Set("Content-Type", "application/json")
	return headers, nil
}

// isToken reports whether a text is a token as RFC 9110 has it.
func isToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return text != ""
}
