package operator

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"numhook/server/event"
)

// lineWords are the words of a line: name, role, digest.
const lineWords = 3

// ParseTokens reads a file of tokens: a line each, with name, role and the SHA-256 of the token in hexadecimal. Blank
// lines, and lines that begin with #, are none; a file may hold none. The error is for an operator and quotes nothing:
// what stands there may be a token.
func ParseTokens(source string, raw []byte) (Tokens, error) {
	if !utf8.Valid(raw) {
		return nil, unreadable(source, 0, "is not UTF-8 text", "save it as UTF-8 text")
	}
	var all Tokens
	names, digests := map[string]bool{}, map[[sha256.Size]byte]bool{}
	raw = bytes.TrimPrefix(raw, []byte("\uFEFF"))
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		h, what := parseHolder(line)
		switch {
		case what != "":
		case names[h.Name]:
			what = "has a name that a line above has"
		case digests[h.digest]:
			what = "has the token of a line above"
		}
		if what != "" {
			return nil, unreadable(source, i+1, what, "write the line that numhook token new prints: NAME ROLE SHA-256")
		}
		names[h.Name], digests[h.digest] = true, true
		all = append(all, h)
	}
	return all, nil
}

// NoToken is the error of a file that holds no token, at the start. Later it means that all were taken away.
func NoToken(source string) error {
	return unreadable(source, 0, "holds no token", "put a line into it: numhook token new --name NAME --role viewer "+
		"prints one")
}

// parseHolder reads a line, or says what is wrong with it.
func parseHolder(line string) (h Holder, what string) {
	words := strings.Fields(line)
	if len(words) != lineWords {
		return h, fmt.Sprintf("has %d words, not %d", len(words), lineWords)
	}
	h.Name, h.Role = words[0], Role(words[1])
	switch n, err := hex.Decode(h.digest[:], []byte(words[2][:min(len(words[2]), hex.EncodedLen(len(h.digest)))])); {
	case !IsName(h.Name):
		return h, "has a name that is not " + NameForm
	case h.Role.rank() == 0:
		return h, "has a role that is not viewer, reader or operator"
	case strings.HasPrefix(words[2], tokenStart):
		return h, "holds a token, and not its SHA-256"
	case err != nil || n != len(h.digest) || len(words[2]) != hex.EncodedLen(n):
		return h, "has no SHA-256 of 64 hexadecimal digits"
	}
	return h, ""
}

func unreadable(source string, line int, what, remedy string) error {
	place := source
	if line > 0 {
		place = fmt.Sprintf("%s:%d: the line", source, line)
	}
	return &event.Error{Kind: event.Invalid, Text: "cannot read the operators' tokens", Hint: remedy,
		Err: errors.New(place + " " + what)}
}
