package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// refusedStore is something that lies where a store should, and which no verb can work with.
type refusedStore struct {
	name string
	lay  func(t *testing.T, path string, good []byte) // what lies there, beside which the folder is empty
	// what the verbs do that do not refuse, by their first words: how they end, or that a receiver runs
	but map[string]string
	as  func(t *testing.T, path string) []string // a command in front, which takes something away
}

// refusingVerbs are run on each. None needs more than the store.
var refusingVerbs = [][]string{
	{"serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0"}, {"store", "check"},
	{"store", "check", "--repair"}, {"numbers", "list"}, {"events", "list"}, {"downstreams", "pause", "crm"},
}

// What a verb does that does not refuse.
const (
	doesWork     = "works"
	findsDamage  = "finds damage" // and says so with exit code 1
	beginsAStore = "begins a store"
)

// header has the good store's file with other bytes at a place of its header.
func header(at int, bytes string) func(t *testing.T, path string, good []byte) {
	return func(t *testing.T, path string, good []byte) {
		content := slices.Clone(good)
		copy(content[at:], bytes)
		layFile(t, path, string(content))
	}
}

func content(text string) func(t *testing.T, path string, good []byte) {
	return func(t *testing.T, path string, _ []byte) { layFile(t, path, text) }
}

// beside has the good store's file with another thing beside it.
func beside(suffix string, lay func(t *testing.T, path string, good []byte)) func(*testing.T, string, []byte) {
	return func(t *testing.T, path string, good []byte) {
		layFile(t, path, string(good))
		lay(t, path+suffix, nil)
	}
}

func layFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func layFolder(t *testing.T, path string, _ []byte) {
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func layLink(to string) func(t *testing.T, path string, _ []byte) {
	return func(t *testing.T, path string, _ []byte) {
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	found    = map[string]string{"store check": findsDamage}
	repaired = map[string]string{"store check --repair": doesWork}
	both     = map[string]string{"store check": findsDamage, "store check --repair": doesWork}
)

var refusedStores = []refusedStore{
	{name: "magic", lay: header(0, "SQLjte"), but: repaired},
	{name: "page size that there is not", lay: header(16, "\x00\x07"), but: repaired},
	{name: "another page size", lay: header(16, "\x20\x00"), but: both},
	{name: "write version", lay: header(18, "\x03"), but: map[string]string{"store check": findsDamage,
		"store check --repair": doesWork, "numbers list": doesWork, "events list": doesWork}},
	{name: "read version", lay: header(19, "\x03"), but: repaired},
	{name: "payload fraction", lay: header(21, "\x10"), but: repaired},
	{name: "fewer pages", lay: header(28, "\x00\x00\x00\x02"), but: both},
	{name: "schema format", lay: header(44, "\x00\x00\x00\x09"), but: both},
	{name: "text encoding", lay: header(56, "\x00\x00\x00\x02"), but: both},
	{name: "newer schema", lay: header(60, "\x00\x00\x00\x63"), but: repaired},
	{name: "older schema", lay: header(60, "\x00\x00\x00\x02"), but: repaired},
	{name: "no schema", lay: header(60, "\x00\x00\x00\x00"), but: both},
	{name: "negative schema", lay: header(60, "\x80"), but: both},
	{name: "another program's", lay: header(68, "\x00\x00\x00\x05"), but: repaired},
	{name: "schema page", lay: header(100, "\xff\xff\xff\xff"), but: found},
	{name: "text", lay: content(strings.Repeat("this is no database\n", 500))},
	{name: "archive", lay: content("PK\x03\x04" + strings.Repeat("\x00", 3000))},
	{name: "few bytes", lay: content("hi")},
	{name: "zeros", lay: content(strings.Repeat("\x00", 8192))},
	{name: "empty", lay: content(""), but: map[string]string{"serve": beginsAStore,
		"downstreams pause crm": beginsAStore}},
	{name: "empty beside a log", but: found, lay: func(t *testing.T, path string, _ []byte) {
		layFile(t, path, "")
		layFile(t, path+"-wal", strings.Repeat("x", 5000))
	}},
	{name: "log alone", but: found, lay: func(t *testing.T, path string, _ []byte) {
		layFile(t, path+"-wal", strings.Repeat("x", 5000))
	}},
	{name: "nothing", lay: func(*testing.T, string, []byte) {}, but: map[string]string{"serve": beginsAStore}},
	{name: "folder", lay: layFolder},
	{name: "circle of links", lay: func(t *testing.T, path string, _ []byte) { layLink(path)(t, path, nil) }},
	{name: "link to nothing", lay: layLink("nowhere/numhook.db")},
	{name: "pipe", lay: func(t *testing.T, path string, _ []byte) {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}},
	{name: "device", lay: layLink(os.DevNull)},
	{name: "folder for the lock", lay: beside(".lock", layFolder)},
	{name: "folder for the log", lay: beside("-wal", layFolder)},
	{name: "folder for the index", lay: beside("-shm", layFolder)},
}

// No verb works with what is no store, or no whole one, and none leaves people alone with it: the refusal names the
// file and a way on, the exit code is 2 (of a check that found damage, 1), and what is there stays.
func TestStoresThatAreRefused(t *testing.T) {
	t.Parallel()
	good := goodStore(t)
	for _, c := range append(refusedStores, takenAway(t)...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, verb := range refusingVerbs {
				c.refuses(t, verb, good)
			}
		})
	}
}

// goodStore is the file of a store that was closed.
func goodStore(t *testing.T) []byte {
	t.Helper()
	s := newSite(t)
	r := s.start()
	for n := range 3 {
		if got := r.post("/", cnamBody(int64(n), "NAME", "+12025550101")); got.status != 200 {
			t.Fatal(got)
		}
	}
	r.stop()
	good, err := os.ReadFile(s.file())
	if err != nil {
		t.Fatal(err)
	}
	return good
}

func (c refusedStore) refuses(t *testing.T, verb []string, good []byte) {
	t.Helper()
	s := newSite(t)
	name := strings.Join(verb, " ")
	if verb[0] == "serve" {
		name = "serve"
	}
	if err := os.Mkdir(filepath.Dir(s.file()), 0o700); err != nil {
		t.Fatal(err)
	}
	c.lay(t, s.file(), good)
	var before string
	if c.as == nil {
		before = layout(t, filepath.Dir(s.file()))
	}
	command := s.command(t.Context(), verb...)
	if c.as != nil {
		if front := c.as(t, s.file()); front != nil {
			program := filepath.Join(s.folder, "numhook") // as which it is known by its name
			if err := os.Symlink(command.Path, program); err != nil {
				t.Fatal(err)
			}
			command.Path, command.Args = front[0], slices.Concat(front, []string{program}, verb)
		}
	}
	if c.but[name] == beginsAStore {
		if verb[0] == "serve" {
			s.start().stop()
		}
		return
	}
	got := s.finish(command)
	shown := got.stdout + got.stderr
	if strings.Contains(shown, "panic") || strings.Contains(shown, "goroutine ") || strings.Contains(shown, "file:/") {
		t.Errorf("%s shows what is no sentence: %+v", name, got)
	}
	switch c.but[name] {
	case doesWork:
		if got.code != exitGood {
			t.Errorf("%s: %+v", name, got)
		}
		return
	case findsDamage:
		if got.code != exitNo || !strings.Contains(got.stdout, s.file()) || !strings.Contains(got.stdout,
			"\nthe store is damaged: ") || got.stderr != "" {
			t.Errorf("%s: %+v", name, got)
		}
	default:
		lines := strings.Split(strings.TrimSuffix(got.stderr, "\n"), "\n")
		if n := len(lines); got.code != exitUse || n < 2 || !strings.HasPrefix(lines[n-2], "numhook: cannot ") ||
			!(strings.Contains(lines[n-2], s.file()) || strings.Contains(lines[n-2], os.DevNull)) ||
			len(lines[n-1]) < 20 || !strings.HasPrefix(lines[n-1], "  ") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if c.as != nil {
		return
	}
	if after := layout(t, filepath.Dir(s.file())); after != before {
		t.Errorf("%s changed what lies there from %s to %s", name, before, after)
	}
}

// layout is what lies in a folder, but for the lock, an empty log and SQLite's index of it, which a refusal may leave.
func layout(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(entry.Name(), ".lock") || strings.HasSuffix(entry.Name(), "-shm") ||
			strings.HasSuffix(entry.Name(), "-wal") && info.Size() == 0 {
			continue
		}
		b.WriteString(entry.Name() + " " + entry.Type().String())
		if entry.Type().IsRegular() {
			text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, " %x", sha256.Sum256(text))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// takenAway are stores that are whole, and to which the process has no access.
func takenAway(t *testing.T) []refusedStore {
	t.Helper()
	whole := func(t *testing.T, path string, good []byte) { layFile(t, path, string(good)) }
	list := []refusedStore{
		{name: "file that may not be read", lay: whole, as: without(0o000, 0o755)},
		{name: "file that may not be written", lay: whole, as: without(0o444, 0o555), but: map[string]string{
			"store check": doesWork, "numbers list": doesWork, "events list": doesWork}},
		{name: "folder that may not be entered", lay: whole, as: without(0o600, 0o000)},
	}
	if unshare, err := exec.LookPath("unshare"); err == nil && os.Geteuid() == 0 {
		list = append(list, refusedStore{name: "file system for reading only", lay: whole,
			as: func(_ *testing.T, path string) []string {
				return []string{unshare, "-m", "sh", "-c", `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"`,
					filepath.Dir(path)}
			}})
	} else {
		t.Log("SKIPPED: a file system for reading only needs root and unshare")
	}
	return list
}

// without takes permissions from the file and its folder. For root, who may do all, it is somebody else's, and the
// command in front gives that right up.
func without(file, folder os.FileMode) func(t *testing.T, path string) []string {
	return func(t *testing.T, path string) []string {
		t.Helper()
		directory := filepath.Dir(path)
		var front []string
		if os.Geteuid() == 0 {
			setpriv, err := exec.LookPath("setpriv")
			if err != nil {
				t.Skip("SKIPPED: root may do everything, and there is no setpriv")
			}
			front = []string{setpriv, "--bounding-set", "-all", "--inh-caps", "-all"}
			const nobody = 65534
			for _, name := range []string{path, directory} {
				if err := os.Chown(name, nobody, nobody); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Cleanup(func() { _ = os.Chmod(directory, 0o700) })
		if err := errors.Join(os.Chmod(path, file), os.Chmod(directory, folder)); err != nil {
			t.Fatal(err)
		}
		return front
	}
}
