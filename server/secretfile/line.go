package secretfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	byteOrderMark = "\uFEFF"
	comment       = "#"
	marks         = "\"'`\u2018\u2019\u201C\u201D" // plain quotation marks, and those that word processors make of them
)

// What to do about the faults of a line.
const (
	alone     = "write the secret alone on its line, as the sender shows it"
	asUTF8    = "save the file as UTF-8 text"
	copyAgain = "copy the secret anew from where the sender shows it"
)

// Parse gives the secrets of a file's bytes. White space and one pair of quotes around a secret are no part of it;
// blank lines, and lines that begin with #, are none.
func Parse(source string, raw []byte) ([]Secret, error) {
	if what := encodingFault(raw); what != "" {
		return nil, failure(&Fault{Source: source, What: what, Remedy: asUTF8})
	}
	var secrets []Secret
	text := strings.TrimPrefix(string(raw), byteOrderMark)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, comment) {
			continue
		}
		secret := unquoted(line)
		if what, remedy := lineFault(secret); what != "" {
			return nil, failure(&Fault{Source: source, Line: number, What: what, Remedy: remedy})
		}
		secrets = append(secrets, Secret{Line: number, Text: secret})
	}
	return secrets, nil
}

// ParseVariable gives the secrets of an environment variable: separated by commas or line ends, and otherwise by the
// rules of Parse.
func ParseVariable(name, value string) ([]Secret, error) {
	if what := encodingFault([]byte(value)); what != "" {
		return nil, failure(&Fault{Source: name, What: what, Remedy: copyAgain})
	}
	var secrets []Secret
	number := 0
	value = strings.TrimSpace(strings.TrimPrefix(value, byteOrderMark))
	// Files of variables are read with the quotes by some programs, and without them by others.
	if around := unquoted(value); !strings.ContainsAny(around, marks) {
		value = around
	}
	for line := range strings.SplitSeq(value, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), comment) { // with its commas
			continue
		}
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimSpace(part)
			if part == "" || strings.HasPrefix(part, comment) {
				continue
			}
			number++
			secret := unquoted(part)
			if what, remedy := lineFault(secret); what != "" {
				return nil, failure(&Fault{Source: name, What: fmt.Sprintf("holds a secret (number %d) that %s", number, what),
					Remedy: remedy})
			}
			secrets = append(secrets, Secret{Line: number, Text: secret})
		}
	}
	return secrets, nil
}

// encodingFault says why bytes are no UTF-8 text, or nothing.
func encodingFault(raw []byte) string {
	utf16 := bytes.HasPrefix(raw, []byte{0xFF, 0xFE}) || bytes.HasPrefix(raw, []byte{0xFE, 0xFF})
	// Text of Latin letters has a NUL in every second byte, the mark or not.
	if zeros := bytes.Count(raw, []byte{0}); utf16 || zeros > 0 && zeros >= len(raw)/3 {
		return "is UTF-16"
	}
	if !utf8.Valid(raw) {
		return "is not UTF-8 text"
	}
	return ""
}

// unquoted takes one pair of quotes away.
func unquoted(line string) string {
	const shortest = 2
	if len(line) < shortest {
		return line
	}
	if first, last := line[0], line[len(line)-1]; first == last && (first == '"' || first == '\'') {
		return line[1 : len(line)-1]
	}
	return line
}

// assignment is what other programs have in files of variables.
var assignment = regexp.MustCompile(`^(export\s+)?[A-Za-z_][A-Za-z0-9_.-]*\s*=`)

// variable is the name of one that was given no value.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9]*_[A-Z0-9_]*=$`)

// lineFault says why what stands on a line is no secret, and what to do about it, or nothing.
func lineFault(secret string) (what, remedy string) {
	switch {
	case strings.ContainsFunc(secret, isControl):
		return "holds a control character", copyAgain
	case isAssignment(secret):
		return "has the form KEY=value", "write the value alone, without its name"
	case strings.ContainsAny(secret, marks):
		return "holds a quotation mark", "write one secret a line, without quotes"
	case strings.Contains(secret, ","):
		return "holds a comma", "write one secret a line"
	case strings.ContainsFunc(secret, unicode.IsSpace):
		return "holds white space", alone + "; a comment has a line of its own and begins with #"
	case strings.ContainsFunc(secret, isInvisible):
		return "holds a character that cannot be seen", copyAgain
	case utf8.RuneCountInString(secret) < Shortest:
		return fmt.Sprintf("is shorter than %d characters", Shortest), "write the whole secret, as the sender shows it"
	}
	return "", ""
}

// isAssignment tells KEY=value from base64, which has = at its end only and in whole groups of four.
func isAssignment(secret string) bool {
	if !assignment.MatchString(secret) {
		return false
	}
	if variable.MatchString(secret) {
		return true
	}
	const group = 4
	_, encoded, found := strings.Cut(secret, "whsec_")
	if !found {
		encoded = secret
	}
	padding := len(secret) - len(strings.TrimRight(secret, "="))
	return padding == 0 || padding > 2 || strings.Count(secret, "=") != padding || len(encoded)%group != 0
}

func isControl(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }

// isInvisible finds what an editor does not show, such as a space of no width.
func isInvisible(r rune) bool { return !unicode.IsPrint(r) }
