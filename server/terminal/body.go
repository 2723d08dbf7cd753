package terminal

import (
	"bytes"
	"strings"
)

// margin stands before each line of what is not ours, so that no line of it can be taken for one of ours.
const margin = "  | "

// Body is a body as people may see it: line by line behind a margin, each line as Line shows it. A tab that indents
// is shown as spaces. It ends with a line end. Only the raw format gives the bytes themselves.
func Body(body []byte) string {
	const tab = "    "
	var shown strings.Builder
	shown.Grow(len(body) + len(body)/8)
	for line := range bytes.Lines(body) {
		text := string(bytes.TrimSuffix(line, []byte("\n")))
		rest := strings.TrimLeft(text, " \t")
		indent := strings.ReplaceAll(text[:len(text)-len(rest)], "\t", tab)
		shown.WriteString(strings.TrimRight(margin+indent+Line(rest), " "))
		shown.WriteByte('\n')
	}
	return shown.String()
}
