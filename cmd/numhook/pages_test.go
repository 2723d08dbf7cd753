package main

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
)

// The documentation is the README and the pages that lie beside the code which they describe. Whoever looks for a table
// asks for its header: in which page it stands is the page's own affair.

const root = "../.."

// pages are all pages of the repository by their path from its root, what tests read (testdata) left out.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == dataFolder) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".md") {
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		found[filepath.ToSlash(relative)] = string(text)
		return err
	})
	if err != nil || found["README.md"] == "" || len(found) < 10 {
		t.Fatalf("%d pages: %v", len(found), err)
	}
	return found
}

// documentation is the text of all pages, the README first.
func documentation(t *testing.T) string {
	t.Helper()
	all := pages(t)
	text := []string{all["README.md"]}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name != "README.md" {
			text = append(text, all[name])
		}
	}
	return strings.Join(text, "\n\n")
}

// onePage is the text of one page.
func onePage(t *testing.T, name string) string {
	t.Helper()
	text, found := pages(t)[name]
	if !found {
		t.Fatalf("there is no page %s", name)
	}
	return text
}

// firstCells are the words in backticks in the first cells of the table whose header begins with the cell given. One
// page has that table, and no other.
func firstCells(t *testing.T, header string) []string {
	t.Helper()
	_, table, found := strings.Cut(documentation(t), "\n| "+header+" |")
	if !found {
		t.Fatalf("no page has a table that begins with %q", header)
	}
	if strings.Contains(table, "\n| "+header+" |") {
		t.Fatalf("two tables begin with %q: the reader does not know which one holds", header)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var words []string
	for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		for _, word := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
			words = append(words, word[1])
		}
	}
	return words
}

// sameTexts fails when the pages and the code do not name the same things.
func sameTexts(t *testing.T, what string, inPages []string, inCode map[string]bool) {
	t.Helper()
	for _, word := range inPages {
		if !inCode[word] {
			t.Errorf("the %s %s is in a page and not in the code", what, word)
		}
	}
	for _, word := range slices.Sorted(maps.Keys(inCode)) {
		if !slices.Contains(inPages, word) {
			t.Errorf("the %s %s is in no page", what, word)
		}
	}
}

var (
	codeForm    = regexp.MustCompile("(?s)(?m:^ *)```.*?\n *```|`[^`\n]*`")
	linkForm    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingForm = regexp.MustCompile(`(?m)^#+ +(.+)$`)

	// commandBlock is what a page says to type into a shell, also within a list.
	commandBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
)

// anchors are what a link to a heading of the page may end in, as GitHub and GitLab make them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	fenced := regexp.MustCompile("(?s)```.*?```")
	for _, heading := range headingForm.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		found[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, heading[1])] = true
	}
	return found
}

// links are the files, and the places in pages, that a page links to inside the repository, by their paths from its
// root.
func links(name, text string) []string {
	var found []string
	for _, link := range linkForm.FindAllStringSubmatch(codeForm.ReplaceAllString(text, ""), -1) {
		if strings.Contains(link[1], "://") {
			continue
		}
		file, anchor, _ := strings.Cut(link[1], "#")
		if file = path.Join(path.Dir(name), file); strings.HasPrefix(link[1], "#") {
			file = name
		}
		if anchor != "" {
			file += "#" + anchor
		}
		found = append(found, file)
	}
	return found
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	all := pages(t)
	for name, text := range all {
		for _, link := range links(name, text) {
			file, anchor, _ := strings.Cut(link, "#")
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s links to %s, which is not there", name, link)
			} else if anchor != "" && !anchors(all[file])[anchor] {
				t.Errorf("%s links to %s, and %s has no such heading", name, link, file)
			}
		}
	}
}

func TestEveryPageIsReachedFromTheReadmeAndLeadsBack(t *testing.T) {
	all := pages(t)
	reached, next := map[string]bool{"README.md": true}, []string{"README.md"}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		for _, link := range links(name, all[name]) {
			file, _, _ := strings.Cut(link, "#")
			if _, isPage := all[file]; isPage && !reached[file] {
				reached[file] = true
				next = append(next, file)
			}
		}
	}
	for name, text := range all {
		if !reached[name] {
			t.Errorf("no link leads from the README to %s", name)
		}
		beside := strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "server/")
		if beside && !slices.Contains(links(name, text), "README.md") {
			t.Errorf("no link leads from %s to the README", name)
		}
	}
}

// A table that is found in the text is no table to a reader when a row has another number of cells than its header.
func TestEveryRowHasTheCellsOfItsHeader(t *testing.T) {
	cells := func(row string) int { return strings.Count(strings.ReplaceAll(row, `\|`, ""), "|") }
	for name, text := range pages(t) {
		header := ""
		for i, row := range strings.Split(text, "\n") {
			switch {
			case !strings.HasPrefix(row, "|"):
				header = ""
			case header == "":
				header = row
			case cells(row) != cells(header):
				t.Errorf("%s:%d has %d bars, and the header of the table %d", name, i+1, cells(row), cells(header))
			}
		}
	}
}

// What a newcomer reads first stays short, and begins with the two commands that he needs.
func TestTheReadmeIsShort(t *testing.T) {
	const most = 12 << 10
	text := onePage(t, "README.md")
	if len(text) > most {
		t.Errorf("the README has %d bytes, want at most %d: reference goes into the page beside its code", len(text), most)
	}
	start, test := strings.Index(text, "```sh\nmake run\n```"), strings.Index(text, "```sh\nmake test\n```")
	if start < 0 || test < start || test > 2500 {
		t.Errorf("make run is at byte %d and make test at %d", start, test)
	}
}

// The map names each room of the code, and no room that is not there.
func TestTheMapNamesEveryRoom(t *testing.T) {
	rooms := map[string]bool{"spec/": true, "gen/": true, "server/": true}
	for _, pattern := range []string{"server/*", "cmd/*"} {
		folders, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, folder := range folders {
			if sources, err := filepath.Glob(filepath.Join(folder, "*.go")); err == nil && len(sources) > 0 {
				rooms[strings.TrimPrefix(filepath.ToSlash(folder), root+"/")] = true
			}
		}
	}
	sameTexts(t, "room", firstCells(t, "room"), rooms)
}

// Each verb is in the table of verbs, and what the pages say to type is a verb that has these flags.
func TestThePagesNameEveryVerbAndNoOther(t *testing.T) {
	told := firstCells(t, "verb")
	var leaves func(*cobra.Command)
	leaves = func(verb *cobra.Command) {
		name := strings.TrimPrefix(verb.CommandPath(), "numhook ")
		inTable := slices.ContainsFunc(told, func(word string) bool { return strings.HasPrefix(word+" ", name+" ") })
		switch {
		case verb.HasParent() && (!verb.HasSubCommands() || name == "completion"):
			if !inTable {
				t.Errorf("numhook %s is in no page", name)
			}
			return
		case name == "help":
			return
		}
		for _, next := range verb.Commands() {
			leaves(next)
		}
	}
	leaves(newRootCommand())

	typed := commandBlock.FindAllStringSubmatch(documentation(t), -1)
	typed = append(typed, regexp.MustCompile("`((?:bin/)?numhook [^`\n]+)`").FindAllStringSubmatch(documentation(t),
		-1)...)
	ran := 0
	for _, block := range typed {
		for _, line := range strings.Split(block[1], "\n") {
			_, words, ours := strings.Cut(line, "numhook ")
			if !ours || strings.Contains(words, "numhook ") {
				continue
			}
			verb, rest, err := newRootCommand().Find(strings.Fields(words))
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			for _, word := range rest {
				flag, isFlag := strings.CutPrefix(word, "--")
				if flag, _, _ = strings.Cut(flag, "="); isFlag && flag != "help" && verb.Flags().Lookup(flag) == nil {
					t.Errorf("%s: %s has no flag --%s", line, verb.CommandPath(), flag)
				}
			}
			ran++
		}
	}
	if ran < 30 {
		t.Errorf("only %d commands were found", ran)
	}
}
