package validation

import (
	"net/url"
	"path/filepath"
	"strings"
)

// below is the shown name of a file relative to root, when it lies there, and as it was otherwise.
func below(root, name string) string {
	if root == "" || name == stdinName {
		return name
	}
	path, err := filepath.Abs(filepath.FromSlash(name))
	if err != nil {
		return name
	}
	// the working directory may be known by its real name, and root by another
	for _, root := range []string{root, realPath(root)} {
		if relative, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(relative) {
			return filepath.ToSlash(relative)
		}
	}
	return name
}

func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// uriOf is the file name as a URI reference, percent-encoded: relative when the file lies below the folder that names
// are relative to, else absolute.
func uriOf(name string) (uri string, relative bool) {
	if name == stdinName {
		return "stdin", true
	}
	if filepath.IsLocal(filepath.FromSlash(name)) {
		return (&url.URL{Path: name}).String(), true
	}
	if path, err := filepath.Abs(filepath.FromSlash(name)); err == nil {
		name = filepath.ToSlash(path)
	}
	if !strings.HasPrefix(name, "/") { // a drive
		name = "/" + name
	}
	return (&url.URL{Scheme: "file", Path: name}).String(), false
}
