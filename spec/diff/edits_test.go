package diff

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// edit is one edit of testdata/numbers.json, and what it means in both directions.
type edit struct {
	name     string
	replaced [][2]string // what is taken out, and what comes in its location
	there    []string    // what the edit means
	back     []string    // what taking it back means
}

// readEdits reads testdata/edits.txt: "== name", then lines that go (-) and come (+), then what that means (>) and what
// taking it back means (<).
func readEdits(t *testing.T) []edit {
	t.Helper()
	var edits []edit
	var last byte
	for i, line := range strings.Split(contents(t, "testdata/edits.txt"), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if name, begins := strings.CutPrefix(line, "== "); begins {
			edits, last = append(edits, edit{name: name}), '='
			continue
		}
		mark, rest := line[0], line[min(2, len(line)):]
		e := &edits[len(edits)-1]
		switch {
		case mark == '-' && last != '-':
			e.replaced = append(e.replaced, [2]string{rest, ""})
		case mark == '-':
			e.replaced[len(e.replaced)-1][0] += "\n" + rest
		case mark == '+' && last == '-':
			e.replaced[len(e.replaced)-1][1] = rest
		case mark == '+':
			e.replaced[len(e.replaced)-1][1] += "\n" + rest
		case mark == '>':
			e.there = append(e.there, rest)
		case mark == '<':
			e.back = append(e.back, rest)
		default:
			t.Fatalf("line %d: %q", i+1, line)
		}
		last = mark
	}
	return edits
}

func TestEdits(t *testing.T) {
	base := contents(t, "testdata/numbers.json")
	edits := readEdits(t)
	if len(edits) < 40 {
		t.Fatalf("there are only %d edits", len(edits))
	}
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			edited := e.apply(t, base)
			old, new := mustLoad(t, "old.json", base), mustLoad(t, "new.json", edited)
			there, back := Compare(old, new), Compare(new, old)
			if got := brief(there); !slices.Equal(got, e.there) {
				t.Errorf("the edit means\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(e.there, "\n"))
			}
			if got := brief(back); !slices.Equal(got, e.back) {
				t.Errorf("taking it back means\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(e.back, "\n"))
			}
			for _, change := range there {
				checkPositions(t, change, base, edited)
			}
		})
	}
}

func (e edit) apply(t *testing.T, base string) string {
	t.Helper()
	for _, r := range e.replaced {
		if strings.Count(base, r[0]) != 1 {
			t.Fatalf("%q stands %d times in the document", r[0], strings.Count(base, r[0]))
		}
		base = strings.Replace(base, r[0], r[1], 1)
	}
	return base
}

// checkPositions reads the documents where the change says that it stands: the member's name must be there, and the
// level must be the rule's.
func checkPositions(t *testing.T, change Change, old, new string) {
	t.Helper()
	if want := ruleByID[change.ID].Level; change.Level != want {
		t.Errorf("%s is %s, its rule says %s", change.ID, change.Level, want)
	}
	if change.Old == nil && change.New == nil {
		t.Errorf("%s stands in neither document", change.ID)
	}
	for _, side := range []struct {
		position *Location
		text     string
	}{{change.Old, old}, {change.New, new}} {
		if side.position == nil {
			continue
		}
		name := lastToken(side.position.Pointer)
		line := strings.Split(side.text, "\n")[side.position.Line-1]
		if there := line[side.position.Column-1:]; !strings.HasPrefix(there, `"`+name+`"`) && !isIndex(name) {
			t.Errorf("%s: at %s stands %q", change.ID, side.position, there)
		}
	}
}

func isIndex(name string) bool { return strings.Trim(name, "0123456789") == "" && name != "200" }

func contents(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func mustLoad(t testing.TB, name, content string) *Document {
	t.Helper()
	d, err := load(name, []byte(content))
	if err != nil {
		t.Fatalf("cannot load %s: %v", name, err)
	}
	return d
}

// brief writes changes in the short form of the table: level, id, event, and where in OLD and NEW.
func brief(changes []Change) []string {
	const body = "/webhooks/number.changed/post/requestBody/content/application~1json/schema"
	shorten := strings.NewReplacer(body+"/properties/payload/properties/object/properties/", "OBJECT/", body, "BODY")
	var lines []string
	for _, c := range changes {
		position := func(p *Location) string {
			if p == nil {
				return "-"
			}
			return fmt.Sprintf("%d:%d %s", p.Line, p.Column, shorten.Replace(p.Pointer))
		}
		lines = append(lines, fmt.Sprintf("%s %s %s | %s | %s", c.Level, c.ID, c.about(), position(c.Old), position(c.New)))
	}
	return lines
}
