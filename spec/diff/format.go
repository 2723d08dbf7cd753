package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"numhook/server/terminal"
)

// levels are all levels, the worst first.
var levels = []Level{Breaking, Risky, Safe}

// ofLevel gives the changes of one level.
func ofLevel(changes []Change, level Level) []Change {
	var all []Change
	for _, change := range changes {
		if change.Level == level {
			all = append(all, change)
		}
	}
	return all
}

// tally counts the changes in words: "2 breaking, 0 risky, 1 safe".
func tally(changes []Change) string {
	if len(changes) == 0 {
		return "no change"
	}
	counts := make([]string, 0, len(levels))
	for _, level := range levels {
		counts = append(counts, fmt.Sprintf("%d %s", len(ofLevel(changes, level)), level))
	}
	return strings.Join(counts, ", ")
}

// about is what a change concerns: an event, or the document as a whole.
func (c Change) about() string {
	if c.Operation == "" {
		return "(document)"
	}
	return c.Operation
}

// String is file:line:column and the pointer, as editors and people read them; "-" for nowhere.
func (p *Location) String() string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%s:%d:%d %s", p.File, p.Line, p.Column, p.Pointer)
}

// WriteText writes the changes for people, grouped by level, and closes with their count.
func WriteText(w io.Writer, changes []Change) error {
	var b strings.Builder
	for _, level := range levels {
		group := ofLevel(changes, level)
		if len(group) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s (%d)\n", level, len(group))
		for _, change := range group {
			fmt.Fprintf(&b, "  %s  %s\n", oneLine(change.about()), change.ID)
			fmt.Fprintf(&b, "    %s\n", oneLine(change.Message))
			fmt.Fprintf(&b, "    old  %s\n    new  %s\n", oneLine(change.Old.String()), oneLine(change.New.String()))
		}
		b.WriteByte('\n')
	}
	b.WriteString(tally(changes) + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes one array of changes, empty when there is none. It ends with a line feed.
func WriteJSON(w io.Writer, changes []Change) error {
	if changes == nil {
		changes = []Change{}
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(changes); err != nil {
		return err
	}
	_, err := w.Write(terminal.JSON(text.Bytes()))
	return err
}

// WriteMarkdown writes the changes as GitHub-flavoured Markdown for a pull request comment: a table of what matters,
// and the safe ones folded away.
func WriteMarkdown(w io.Writer, changes []Change) error {
	var b strings.Builder
	b.WriteString("### What the changed document means for the receiver\n\n" + tally(changes) + "\n")
	safe := ofLevel(changes, Safe)
	if matter := append(ofLevel(changes, Breaking), ofLevel(changes, Risky)...); len(matter) > 0 {
		b.WriteByte('\n')
		writeTable(&b, matter)
	}
	if len(safe) > 0 {
		fmt.Fprintf(&b, "\n<details><summary>%d safe</summary>\n\n", len(safe))
		writeTable(&b, safe)
		b.WriteString("\n</details>\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTable(b *strings.Builder, changes []Change) {
	b.WriteString("| level | event | change | for the receiver | old | new |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, c := range changes {
		level := string(c.Level)
		if c.Level == Breaking {
			level = "**" + level + "**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", level, code(c.about()), code(c.ID), prose(c.Message), cell(c.Old),
			cell(c.New))
	}
}

func cell(p *Location) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%d:%d %s", p.Line, p.Column, code(p.Pointer))
}

// code is a code span in a table cell. Its fence is longer than any run of backticks within; a pipe needs its backslash
// even there.
func code(s string) string {
	if s == "" {
		return "(whole)"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	s = strings.ReplaceAll(oneLine(s), "|", `\|`)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

var markdownEscape = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `&lt;`,
	">", `&gt;`, "&", `&amp;`, "|", `\|`,
	"~", `\~`, "@", "@\u200b", "#", `\#`)

// prose is a sentence in a table cell. A name in it neither formats the comment nor mentions anybody.
func prose(s string) string { return markdownEscape.Replace(oneLine(s)) }

// oneLine keeps a name from beginning a line of its own, which a CI system might take for a command, and from steering
// a terminal.
func oneLine(s string) string { return terminal.Line(s) }

// WriteGitHub writes one workflow command for each change: error, warning or notice at its location in NEW, or at the
// nearest place that NEW has.
func WriteGitHub(w io.Writer, changes []Change) error {
	command := map[Level]string{Breaking: "error", Risky: "warning", Safe: "notice"}
	var b strings.Builder
	for _, c := range changes {
		message := c.about() + ": " + c.Message
		if c.New == nil && c.Old != nil {
			message += " It stood at " + c.Old.String() + "."
		}
		fmt.Fprintf(&b, "::%s file=%s,line=%s,col=%s,title=%s::%s\n", command[c.Level],
			terminal.Line(property.Replace(c.near.File)), strconv.Itoa(c.near.Line),
			strconv.Itoa(c.near.Column), terminal.Line(property.Replace(string(c.Level)+": "+c.ID)),
			terminal.Line(data.Replace(message)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Workflow commands are lines; what would end one, or one of its properties, is escaped.
var (
	data     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
