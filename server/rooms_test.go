package server_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// forbidden says which room may not import what, and why. A path stands for itself and everything below it; a room's
// tests are held to it, too, except where they need a real store to test against.
var forbidden = []struct {
	room, imports, why string
}{
	{"server/event", "numhook", "event is meaning: it depends on nobody"},
	{"server/event", "github.com", "event needs nothing but the standard library"},
	{"server/signature", "numhook", "signature is a pure helper"},
	{"server/signature", "github.com", "signature needs nothing but the standard library"},
	{"server/terminal", "numhook", "terminal is a pure helper"},
	{"server/terminal", "github.com", "terminal needs nothing but the standard library"},
	{"server/contract", "numhook/server/store", "the check knows no store"},
	{"server/contract", "numhook/gen", "the check reads the document, not the code made from it"},
	{"server/contract", "net/http", "the check is used without a server, too"},
	{"server/contract", "github.com/labstack", "the check is used without a server, too"},
	{"server/store", "numhook/gen", "what is stored is bytes and columns, never a generated struct"},
	{"server/store", "numhook/server/contract", "edges do not import the check: the store keeps what it is given"},
	{"server/store", "numhook/cmd", "cmd wires, nobody wires cmd"},
	{"server/store", "numhook/server/dispatch", "edges do not import each other: a store does not know who hands on " +
		"what it keeps"},
	{"server/dispatch", "numhook/server/store", "edges do not import each other: what is owed is kept behind an " +
		"interface"},
	{"server/dispatch", "numhook/server/contract", "what is handed on was checked when it came in"},
	{"server/dispatch", "numhook/spec", "the check of what is handed on belongs to whoever gets it"},
	{"server/dispatch", "numhook/cmd", "cmd wires, nobody wires cmd"},
	{"server/listener", "numhook", "connections know nothing of what is delivered on them"},
	{"server", "numhook/server/listener", "the server is told by functions what a connection is: cmd wires"},
	{"server/operator", "numhook/server/store", "edges do not import each other: what is looked at is behind interfaces"},
	{"server/operator", "numhook/server/dispatch", "edges do not import each other: cmd wires what acts on the way out"},
	{"server/operator", "numhook/server/contract", "what is shown was checked when it came in"},
	{"server/operator", "numhook/cmd", "cmd wires, nobody wires cmd"},
	{"server/operator", "numhook/spec", "the document is given"},
	{"server/recovery", "numhook/server/store", "edges do not import each other: what is found is taken in behind an " +
		"interface"},
	{"server/recovery", "numhook/server/dispatch", "edges do not import each other"},
	{"server/recovery", "numhook/server/operator", "edges do not import each other"},
	{"server/recovery", "numhook/cmd", "cmd wires, nobody wires cmd"},
	{"cmd/numhook/logbuffer", "numhook", "the buffer of lines knows nothing of what they say"},
	{"gen", "numhook", "generated code depends on nobody"},
	{"spec", "numhook/server", "the document does not know its readers"},
	{"spec", "numhook/gen", "the document does not know the code made from it"},
	{"cmd", "numhook/gen", "only the server's receive and intake files see generated code"},
}

func TestImportsGoOneWay(t *testing.T) {
	const root = ".."
	seen := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != root || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		room, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			checkImport(t, filepath.ToSlash(room), filepath.Base(path), imported)
		}
		return nil
	})
	if err != nil || seen < 20 {
		t.Fatalf("read %d files: %v", seen, err)
	}
}

func checkImport(t *testing.T, room, file, imported string) {
	t.Helper()
	below := func(path, top string) bool { return path == top || strings.HasPrefix(path, top+"/") }
	for _, rule := range forbidden {
		if below(room, rule.room) && below(imported, rule.imports) && !anybodys(room, imported) {
			t.Errorf("%s/%s imports %s: %s", room, file, imported, rule.why)
		}
	}
	checkDispatch(t, room, file, imported)
	if (below(room, "server/operator") || below(room, "server/recovery")) && imported == "numhook/server" {
		t.Errorf("%s/%s imports %s: edges do not import each other", room, file, imported)
	}
	// The server's own folder, without the rooms below it.
	if room != "server" {
		return
	}
	if below(imported, "numhook/server/store") || below(imported, "numhook/server/dispatch") {
		t.Errorf("%s/%s imports %s: edges do not import each other", room, file, imported)
	}
	if below(imported, "github.com/labstack/echo") && file != "intake.go" {
		t.Errorf("%s/%s imports %s: only intake.go knows echo, the steps are functions from values to values", room, file,
			imported)
	}
	if below(imported, "numhook/gen") && file != "receive.go" && file != "intake.go" {
		t.Errorf("%s/%s imports %s: only receive.go and intake.go do", room, file, imported)
	}
}

// A delivery travels as arguments and results: nothing rides in a context, no request is made up to be served, and what
// the router goes by is not rewritten.
func TestADeliveryTravelsInPlainSight(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		read++
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			called, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch called.Sel.Name {
			case "WithValue", "NewRequest", "NewRequestWithContext", "NewRecorder", "SetRequest", "ServeHTTP":
				t.Errorf("%s calls %s", name, called.Sel.Name)
			}
			return true
		})
	}
	if read < 10 {
		t.Errorf("read %d files", read)
	}
}

// anybodys is true of what whoever prints may import: terminal needs nothing but the standard library, and knows of no
// delivery.
func anybodys(room, imported string) bool {
	return imported == "numhook/server/terminal" && room != "server/event" && room != "server/signature" && room != "gen"
}

// sendersKnow is all of this module that a sender imports: no sender knows another.
var sendersKnow = []string{
	"numhook/server/dispatch", "numhook/server/event", "numhook/server/dispatch/netguard", "numhook/server/certreload",
	"numhook/server/terminal",
}

// checkDispatch holds the way out to what no prefix can say.
func checkDispatch(t *testing.T, room, file, imported string) {
	t.Helper()
	sender := strings.HasPrefix(room, "server/dispatch/")
	switch {
	case room != "server/dispatch" && !sender:
	case imported == "numhook/server":
		t.Errorf("%s/%s imports %s: edges do not import each other", room, file, imported)
	case sender && strings.HasPrefix(imported, "numhook/") && !slices.Contains(sendersKnow, imported):
		t.Errorf("%s/%s imports %s: a sender knows nothing but dispatch, event, and whom it may reach", room, file, imported)
	case !sender && strings.HasPrefix(imported, "numhook/server/dispatch/"):
		t.Errorf("%s/%s imports %s: a line gets its sender, and knows no kind of it", room, file, imported)
	case !sender && strings.HasPrefix(imported, "numhook/gen") &&
		(file != "envelope.go" || imported != "numhook/gen/downstream"):
		t.Errorf("%s/%s imports %s: only envelope.go does, and only gen/downstream", room, file, imported)
	}
}

// longer are the files that have more lines than fit in a head, and why.
var longer = map[string]string{}

// A file fits in a head: what is longer has two nouns, and one of them wants a file of its own.
func TestFilesAreShort(t *testing.T) {
	const root, most = "..", 400
	seen := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() && (strings.HasPrefix(name, ".") && path != root || name == "testdata" || name == "gen") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		relative, err := filepath.Rel(root, path)
		if lines := strings.Count(string(text), "\n"); lines > most && longer[filepath.ToSlash(relative)] == "" {
			t.Errorf("%s has %d lines, want at most %d", relative, lines, most)
		}
		return err
	})
	if err != nil || seen < 100 {
		t.Fatalf("read %d files: %v", seen, err)
	}
}
