package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"numhook/cmd/numhook/validation"
	"numhook/server/terminal"
)

// reportInto is one report of a run: its format, and the file that it goes into; empty for standard output.
type reportInto struct{ format, file string }

// reportsFlag is --format of validate, which may be given several times. In the environment, and on the command line as
// well, a comma stands between several.
type reportsFlag struct {
	list  []reportInto
	given bool // the list is no longer the default
}

func (f *reportsFlag) Type() string { return "FORMAT[=FILE]" }

func (f *reportsFlag) String() string {
	var list []string
	for _, one := range f.list {
		if one.file == "" {
			list = append(list, one.format)
		} else {
			list = append(list, one.format+"="+one.file)
		}
	}
	return strings.Join(list, ",")
}

func (f *reportsFlag) Set(value string) error {
	if !f.given {
		f.list, f.given = nil, true
	}
	for i, part := range strings.Split(value, ",") {
		format, file, toFile := strings.Cut(part, "=")
		switch known := slices.Contains(validation.Formats(), format); {
		case known && toFile && file == "":
			return fmt.Errorf("%s= names no file", format)
		case known:
			f.list = append(f.list, reportInto{format, file})
		case i > 0 && f.list[len(f.list)-1].file != "": // a comma in the name of a file
			f.list[len(f.list)-1].file += "," + part
		default:
			return fmt.Errorf("it must be one of %s, or one of them with =FILE behind it",
				strings.Join(validation.Formats(), ", "))
		}
	}
	return nil
}

func (f *reportsFlag) has(format string) bool {
	return slices.ContainsFunc(f.list, func(one reportInto) bool { return one.format == format })
}

func (f *reportsFlag) files() (list []string) {
	for _, one := range f.list {
		if one.file != "" {
			list = append(list, one.file)
		}
	}
	return list
}

// check refuses reports that would lie over each other or over what is read.
func (f *reportsFlag) check(paths []string) error {
	out := ""
	seen := map[string]bool{}
	for _, path := range paths {
		seen[filepath.Clean(path)] = true
	}
	for _, one := range f.list {
		file := filepath.Clean(one.file)
		switch {
		case one.file == "" && out != "":
			return fmt.Errorf("cannot validate: the reports %s and %s would both go to standard output; write one of them "+
				"into a file with --format %[2]s=FILE", out, one.format)
		case one.file == "":
			out = one.format
		case seen[file]:
			return fmt.Errorf("cannot validate: the report %s is to be written over %s, which is read or written already",
				one.format, one.file)
		default:
			seen[file] = true
		}
	}
	return nil
}

// levelsFlag is --rule.
type levelsFlag struct{ validation.Levels }

func (f levelsFlag) Type() string { return "NAME=LEVEL" }

func (f levelsFlag) String() string {
	var list []string
	for name, level := range f.Levels {
		list = append(list, name+"="+string(level))
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}

func (f levelsFlag) Set(value string) error {
	if value == "" { // of the environment
		return nil
	}
	for _, one := range strings.Split(value, ",") {
		if err := f.Levels.Set(one); err != nil {
			return err
		}
	}
	return nil
}

// openedReports are the reports of a run and the files that they are written into.
type openedReports struct {
	validation.Report
	files []*openedFile
	tell  io.Writer // standard error, when standard output says nothing; else nil
}

type openedFile struct {
	*validation.NewFile
	name string
}

// openReports begins the reports. What they leave out is told on standard error.
func (v *validating) openReports() (*openedReports, error) {
	o := &openedReports{tell: v.errors}
	var list []validation.Report
	for _, one := range v.flags.reports.list {
		out := v.out
		if one.file == "" {
			o.tell = nil
		} else {
			file, err := validation.Create(one.file)
			if err != nil {
				o.drop()
				return nil, fmt.Errorf("cannot write the report %s: %w", one.file, err)
			}
			o.files = append(o.files, &openedFile{file, one.file})
			out = file
		}
		report, err := validation.NewReport(one.format, out, validation.Style{
			Color: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
			// GitHub resolves the names in annotations and code scanning from the root of the checkout, wherever the step runs.
			Root:     os.Getenv("GITHUB_WORKSPACE"),
			Document: v.document.Name, Version: versionText(), Known: v.known != nil,
			Levels: v.flags.levels.Levels, MaxResults: v.flags.maxResults,
			Tell: func(text string) { fmt.Fprintf(v.errors, "numhook: %s\n", text) },
		})
		if err != nil {
			o.drop()
			return nil, err
		}
		if v.flags.group {
			report = validation.Grouped(one.format, report)
		}
		list = append(list, report)
	}
	o.Report = validation.Together(list...)
	return o, nil
}

// End ends the reports, and says what was found when no report goes to where somebody looks.
func (o *openedReports) End(s validation.Summary) error {
	err := o.Report.End(s)
	if o.tell != nil {
		fmt.Fprintf(o.tell, "numhook: %s\n", s)
	}
	return err
}

// keep puts the files in their places.
func (o *openedReports) keep() error {
	var failed []error
	for _, file := range o.files {
		if err := file.Keep(); err != nil {
			failed = append(failed, fmt.Errorf("cannot write the report %s: %w", terminal.Line(file.name), err))
		}
	}
	return errors.Join(failed...)
}

func (o *openedReports) drop() {
	for _, file := range o.files {
		file.Drop()
	}
}
