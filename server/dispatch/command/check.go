package command

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"numhook/server/event"
)

// check returns the program's absolute path.
func check(path string) (string, error) {
	wrong := func(why, hint string) error {
		return &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot run the program %q", path), Hint: hint,
			Err: errors.New(why)}
	}
	if path == "" {
		return "", wrong("there is no path", "write it as exec:/path/of/the/program")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", wrong(errnoText(err), "")
	}
	info, err := os.Stat(absolute)
	if errors.Is(err, os.ErrNotExist) {
		return "", wrong("there is no such file", "the path is not looked for in PATH; a relative one begins at the "+
			"directory that numhook is started in")
	}
	if err != nil {
		return "", wrong(errnoText(err), "")
	}
	if !info.Mode().IsRegular() {
		return "", wrong("it is not a file", "")
	}
	if runtime.GOOS == "windows" { // where a file's name says whether it can be run, and the mode nothing
		return absolute, nil
	}
	if info.Mode().Perm()&0o111 == 0 {
		return "", wrong("it is not executable", "chmod +x "+absolute)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return "", wrong("everybody may change it, and so run what they like as numhook's user", "chmod o-w "+absolute)
	}
	if flaw, hint := Flaw(absolute); flaw != "" {
		return "", wrong(flaw, hint)
	}
	return absolute, nil
}
