package server

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// knownNames are the member names that the document knows. Only they may appear in an answer: a name that the sender
// made up may be anything, a phone number included.
type knownNames map[string]bool

func newKnownNames(doc *openapi3.T) knownNames {
	known := make(knownNames)
	for _, item := range doc.Paths.Map() {
		if item.Post == nil || item.Post.RequestBody == nil || item.Post.RequestBody.Value == nil {
			continue
		}
		for _, media := range item.Post.RequestBody.Value.Content {
			if media.Schema == nil {
				continue
			}
			_ = media.Schema.WalkSubtree(func(_ string, ref *openapi3.SchemaRef) error {
				for name := range ref.Value.Properties {
					known[name] = true
				}
				return nil
			})
		}
	}
	return known
}

// longestIndex is the number of digits of the last index of an array that a body of 1 MiB can hold.
const longestIndex = 7

// show is the pointer with every name that the document does not know, and that is no index of an array, as "*".
func (k knownNames) show(pointer string) string {
	tokens := strings.Split(pointer, "/")
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i, token := range tokens[1:] {
		index := len(token) <= longestIndex && strings.Trim(token, "0123456789") == ""
		if !index && !k[unescape.Replace(token)] {
			tokens[i+1] = "*"
		}
	}
	return strings.Join(tokens, "/")
}
