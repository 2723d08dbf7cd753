package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// longestFirstLine is what the kernel reads of a script's first line (BINPRM_BUF_SIZE).
const longestFirstLine = 256

// Flaw says what is wrong with a program that is there and may be run, and what to do; of one that seems to be good it
// is empty. The system itself tells no more of it than that there is no such file, as if it were speaking of the
// program.
func Flaw(path string) (wrong, hint string) {
	first, whole, err := firstLine(path)
	switch {
	case err != nil: // what may be run need not be readable
		return "", ""
	case whole == 0:
		return "it is empty", "write the program into it"
	case strings.HasPrefix(first, "\ufeff#!"):
		return "it begins with a byte order mark, so that nobody sees its #!",
			"save it as UTF-8 without one: sed -i '1s/^\\xef\\xbb\\xbf//' " + path
	case !strings.HasPrefix(first, "#!"):
		return "", ""
	case strings.HasSuffix(first, "\r"):
		return "its first line ends with CRLF, so that the system looks for an interpreter whose name ends with CR",
			"give its lines the ends of Unix: sed -i 's/\\r$//' " + path
	}
	interpreter, _, _ := strings.Cut(strings.TrimLeft(strings.TrimPrefix(first, "#!"), " \t"), " ")
	interpreter, _, _ = strings.Cut(interpreter, "\t")
	if interpreter == "" {
		return "its first line names no interpreter", "write it as #!/bin/sh"
	}
	info, err := os.Stat(interpreter)
	named := "its interpreter " + strconv.Quote(interpreter)
	switch {
	case errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return named + " is not there", "install it, or name another one in the first line of " + filepath.Base(path)
	case err != nil:
		return "", ""
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return named + " is not a program that can be run", "name another one in the first line of " + filepath.Base(path)
	}
	return "", ""
}

// firstLine is the first line of a file, without its line feed, as far as the system reads it, and how many bytes were
// read.
func firstLine(path string) (line string, read int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	begin := make([]byte, longestFirstLine)
	read, err = io.ReadFull(file, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", 0, err
	}
	first, _, _ := bytes.Cut(begin[:read], []byte("\n"))
	return string(first), read, nil
}

// startFailure says why a program could not be started.
func startFailure(path string, err error) string {
	text := "cannot start: "
	if wrong, _ := Flaw(path); wrong != "" {
		return text + wrong
	}
	text += errnoText(err)
	switch number, _ := errors.AsType[syscall.Errno](err); number {
	case syscall.ENOEXEC:
		text += ": it is neither a binary for this machine nor a script that begins with #!"
	case syscall.ENOENT:
		if _, err := os.Stat(path); err == nil {
			text += ": the program is there, but not what is to load it"
		}
	case syscall.EACCES:
		text += ": the user that numhook runs as may not run it, or its file system is mounted noexec"
	}
	return text
}
