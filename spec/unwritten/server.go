package unwritten

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// written are the methods of a server's package: the receiver's type, a point and the name, with the place.
type written map[string]token.Position

// readServer reads the methods of a package, its tests aside.
func readServer(dir string) (written, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the server's code: %w", err)
	}
	found, set := written{}, token.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the server's code: %w", err)
		}
		parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("cannot read the server's code: %w", err)
		}
		for _, decl := range parsed.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && function.Recv != nil {
				found[receiverOf(function)+"."+function.Name.Name] = set.Position(function.Name.Pos())
			}
		}
	}
	return found, nil
}

func receiverOf(function *ast.FuncDecl) string {
	typ := function.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if name, ok := typ.(*ast.Ident); ok {
		return name.Name
	}
	return ""
}

// Listing is what is left to write.
type Listing struct {
	Missing []Missing // in the order of the interface
	Gone    []Gone    // by place
	Changed []Changed // in the order of the interface
	events  int
}

// Missing is an event for which the server has no method.
type Missing struct {
	Event    string
	Method   string
	Skeleton string // Go, to paste
}

// Gone is a method of the server whose event is in the document no more.
type Gone struct{ Method, Place string }

// Changed is an event whose method is written, and what is another one now in what it is given or gives.
type Changed struct {
	Event, Method, Place string
	Signature            [2]string // before and after; empty, when it is the same
	Members              []string  // a sentence each
}

// Names of the types in the server's package that have the methods.
const (
	serverType  = "Server"
	readingType = "reading"
)

// List holds generated code against what it was before, which may be empty, and against the server's package in dir.
func List(before, after []byte, dir string) (*Listing, error) {
	old, err := readGenerated("the code before", before)
	if err != nil {
		return nil, err
	}
	now, err := readGenerated("the code now", after)
	if err != nil {
		return nil, err
	}
	server, err := readServer(dir)
	if err != nil {
		return nil, err
	}
	l := &Listing{events: len(now.methods)}
	for _, m := range now.methods {
		place, is := server[serverType+"."+m.name]
		_, answers := server[readingType+"."+visitor(m.name)]
		if !is || !answers {
			l.Missing = append(l.Missing, Missing{m.event, m.name, skeleton(m, !is, !answers)})
		}
		if i := slices.IndexFunc(old.methods, m.hasName); is && i >= 0 {
			l.compare(old.methods[i], m, place)
		}
	}
	for _, m := range old.methods {
		if slices.ContainsFunc(now.methods, m.hasName) {
			continue
		}
		for _, name := range []string{serverType + "." + m.name, readingType + "." + visitor(m.name)} {
			if place, is := server[name]; is {
				l.Gone = append(l.Gone, Gone{name, place.String()})
			}
		}
	}
	return l, nil
}

func (m method) hasName(other method) bool { return m.name == other.name }

func visitor(method string) string { return "Visit" + method + "Response" }

// compare notes what changed in what a method is given. What came new is no concern of code that does not read it.
func (l *Listing) compare(old, now method, place token.Position) {
	c := Changed{Event: now.event, Method: now.name, Place: place.String()}
	if old.signature != now.signature {
		c.Signature = [2]string{old.signature, now.signature}
	}
	typeNow := map[string]string{}
	for _, m := range now.members {
		typeNow[m.path] = m.typ
	}
	gone := ""
	for _, m := range old.members {
		switch typ, is := typeNow[m.path]; {
		case gone != "" && strings.HasPrefix(m.path, gone):
		case !is:
			c.Members = append(c.Members, fmt.Sprintf("%s is gone; it was %s", m.path, m.typ))
			gone = m.path
		case typ != m.typ:
			c.Members = append(c.Members, fmt.Sprintf("%s is %s now; it was %s", m.path, typ, m.typ))
		}
	}
	if c.Signature[0] != "" || len(c.Members) > 0 {
		l.Changed = append(l.Changed, c)
	}
}
