package validation

import (
	"fmt"
	"strings"
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

func (g *githubReport) Finding(f *Finding, _ excerpt) {
	if f.Known {
		return
	}
	text := f.Message
	if origin := originOf(f); origin != "" {
		text += " (" + origin + ")"
	}
	place := ""
	if f.File != stdinName {
		place = fmt.Sprintf("file=%s,line=%d,col=%d,", commandProperty.Replace(below(g.root, f.File)), f.Line, f.Column)
	} else {
		text = fmt.Sprintf("standard input:%d:%d: %s", f.Line, f.Column, text)
	}
	g.printf("::%s %stitle=%s::%s\n", f.Level, place, commandProperty.Replace("numhook: "+f.Rule), commandData.Replace(text))
}

func (g *githubReport) Unreadable(file string, err error) {
	name := commandProperty.Replace(below(g.root, file))
	g.printf("::error file=%s,title=%s::%s\n", name, commandProperty.Replace("numhook: unreadable"), commandData.Replace("cannot read: "+err.Error()))
}

func (g *githubReport) File(string, int) {}

func (g *githubReport) End(s Summary) error {
	g.printf("%s\n", s.tally())
	return g.Flush()
}
