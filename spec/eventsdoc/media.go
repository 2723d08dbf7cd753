package eventsdoc

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// jsonType is the media type of JSON.
const jsonType = "application/json"

// Essence is a media type as RFC 9110 compares it: without its parameters, which may be malformed, and in small
// letters.
func Essence(name string) string {
	plain, _, _ := strings.Cut(name, ";")
	return strings.ToLower(strings.TrimSpace(plain))
}

// IsJSON reports whether a media type is JSON, or a kind of it.
func IsJSON(name string) bool {
	plain := Essence(name)
	return plain == jsonType || strings.HasSuffix(plain, "+json")
}

// jsonOf is the index of the key in a content that a body is held against: JSON itself, or else the first kind of it.
// It is -1 when there is none.
func jsonOf(content *yaml.Node) int {
	best := -1
	for i := 0; isMapping(content) && i+1 < len(content.Content); i += 2 {
		switch name := content.Content[i].Value; {
		case Essence(name) == jsonType:
			return i
		case best < 0 && IsJSON(name):
			best = i
		}
	}
	return best
}
