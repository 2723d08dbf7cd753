package validation

import (
	"fmt"
	"strings"

	"numhook/server/terminal"
)

// githubReport is workflow commands, which GitHub shows as annotations at the lines of a pull request. The log of the
// step shows a command's message and nothing else of it, so that the message itself says where.
type githubReport struct {
	*writer
	root  string
	shown map[Level]int // commands so far
}

// githubAnnotations is how many annotations of each level GitHub makes of the commands of one step.
const githubAnnotations = 10

var (
	// commandData and commandProperty escape what a workflow command would end at.
	commandData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// property and data are the texts as parts of a command. A line end is one again where GitHub shows it; whatever else
// steers is seen as an escape.
func property(text string) string { return terminal.Line(commandProperty.Replace(text)) }
func data(text string) string     { return terminal.Line(commandData.Replace(text)) }

func (g *githubReport) Finding(f *Finding, _ excerpt) {
	if f.Known {
		return
	}
	text := f.Message + " (" + f.Rule
	if origin := originOf(f); origin != "" {
		text += ", " + origin
	}
	text += ")"
	file, position := "standard input", ""
	if f.File != stdinName {
		file = below(g.root, f.File)
		position = fmt.Sprintf("file=%s,line=%d,col=%d,", property(file), f.Line, f.Column)
	}
	g.printf("::%s %stitle=%s::%s:%d:%d: %s\n", f.Level, position, property("numhook: "+f.Rule),
		data(terminal.Escape(file)), f.Line, f.Column, data(text))
	g.shown[f.Level]++
}

func (g *githubReport) Unreadable(file string, err error) {
	name := below(g.root, file)
	g.printf("::error file=%s,title=%s::%s: %s\n", property(name), property("numhook: unreadable"),
		data(terminal.Escape(name)), data("cannot read: "+err.Error()))
	g.shown[Error]++
}

func (g *githubReport) File(string, int) {}

func (g *githubReport) End(s Summary) error {
	g.printf("%s", s.String())
	if g.shown[Error] > githubAnnotations || g.shown[Warning] > githubAnnotations {
		g.printf("; GitHub makes annotations of the first %d errors and the first %[1]d warnings of a step, and this log "+
			"has all", githubAnnotations)
	}
	g.printf("\n")
	return g.Flush()
}
