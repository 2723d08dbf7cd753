package event

import (
	"encoding/json"
	"slices"
)

// null is JSON's own.
var null = json.RawMessage("null")

// IsNull reports whether a value is null, which sets nothing and deletes nothing.
func IsNull(value json.RawMessage) bool { return slices.Equal(value, null) }

// Said is the value that a body gives for an attribute when no value is kept of it: null, where the body says so, and
// nil where it says nothing. Both change nothing. But null was said, and whoever is handed every event is told.
func Said(attribute Attribute, body []byte) json.RawMessage {
	if attribute == "" {
		return nil
	}
	value := json.RawMessage(body)
	for _, name := range []string{"payload", "object", string(attribute)} {
		var members map[string]json.RawMessage // a struct would take a member in other letters, too
		if json.Unmarshal(value, &members) != nil {
			return nil
		}
		value = members[name]
	}
	if IsNull(value) {
		return null
	}
	return nil
}
