package validation

import (
	"fmt"
	"strings"

	"numhook/server/terminal"
)

// githubReport is workflow commands, which GitHub shows as annotations at the lines of a pull request.
type githubReport struct {
	*writer
	root string
}

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
	text := f.Message
	if origin := originOf(f); origin != "" {
		text += " (" + origin + ")"
	}
	position := ""
	if f.File != stdinName {
		position = fmt.Sprintf("file=%s,line=%d,col=%d,", property(below(g.root, f.File)), f.Line, f.Column)
	} else {
		text = fmt.Sprintf("standard input:%d:%d: %s", f.Line, f.Column, text)
	}
	g.printf("::%s %stitle=%s::%s\n", f.Level, position, property("numhook: "+f.Rule), data(text))
}

func (g *githubReport) Unreadable(file string, err error) {
	name := property(below(g.root, file))
	g.printf("::error file=%s,title=%s::%s\n", name, property("numhook: unreadable"), data("cannot read: "+err.Error()))
}

func (g *githubReport) File(string, int) {}

func (g *githubReport) End(s Summary) error {
	g.printf("%s\n", s.tally())
	return g.Flush()
}
