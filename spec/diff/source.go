package diff

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// maxDocument is the most bytes that a document may have: the sender's largest has less than one million.
const maxDocument = 16 << 20

// read fetches what the argument names: a file when there is one of that name, else REV:path in the git repository
// around the working directory (the path counts from the repository's root, or from the working directory when it
// begins with "./").
func read(ctx context.Context, arg string) ([]byte, error) {
	_, err := os.Stat(arg)
	_, path, revision := strings.Cut(arg, ":")
	switch {
	case err == nil || !revision:
		return readFile(arg)
	case strings.HasPrefix(path, "//"):
		return nil, errors.New("it is neither a file nor a git revision; fetch it into a file first")
	case path == "" || strings.HasPrefix(arg, "-"):
		return nil, errors.New("it is neither a file nor REV:path")
	}
	return readRevision(ctx, arg)
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer func() { _ = file.Close() }() // only read from
	raw, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err != nil {
		return nil, bare(err)
	}
	return raw, bounded(raw)
}

// bare takes the path out of a file error: the message names it already.
func bare(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

func bounded(raw []byte) error {
	if len(raw) > maxDocument {
		return fmt.Errorf("it has more than %d MiB", maxDocument>>20)
	}
	return nil
}

// readRevision asks git for the blob. Unlike git show, git cat-file knows no filters, and refuses a directory.
func readRevision(ctx context.Context, object string) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // stops a git whose output was too much
	var complaint bytes.Buffer
	git := exec.CommandContext(ctx, "git", "cat-file", "blob", object)
	git.Env = append(os.Environ(), "LC_ALL=C")
	git.Stderr = &complaint
	output, err := git.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := git.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, errors.New("there is no such file, and to read a revision git must be installed")
		}
		return nil, fmt.Errorf("cannot run git: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(output, maxDocument+1))
	if err == nil {
		err = bounded(raw)
	}
	if err != nil {
		cancel()
		_ = git.Wait() // the reading error says more
		return nil, err
	}
	if err := git.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, complaintOf(complaint.String(), err)
	}
	return raw, nil
}

// complaintOf is git's first line, and a hint for the commonest case in CI.
func complaintOf(stderr string, err error) error {
	line, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	line = strings.TrimPrefix(strings.TrimPrefix(line, "fatal: "), "error: ")
	switch {
	case line == "":
		return fmt.Errorf("git fails: %w", err)
	case strings.Contains(line, "not a git repository"):
		return fmt.Errorf("there is no such file, and git says: %s", line)
	case strings.Contains(line, "invalid object name"):
		return fmt.Errorf("git says: %s\na shallow clone lacks older revisions: fetch more of the history "+
			"(actions/checkout: fetch-depth: 0)", line)
	}
	return fmt.Errorf("git says: %s", line)
}

// workspacePath is the file's path as a CI system wants it in an annotation: with slashes, and relative where it is
// inside the working directory. For a git revision it is the path within the repository.
func workspacePath(arg string) string {
	if _, err := os.Stat(arg); err != nil {
		if _, path, revision := strings.Cut(arg, ":"); revision {
			return filepath.ToSlash(filepath.Clean(path))
		}
	}
	if filepath.IsAbs(arg) {
		if here, err := os.Getwd(); err == nil {
			if relative, err := filepath.Rel(here, arg); err == nil && filepath.IsLocal(relative) {
				arg = relative
			}
		}
	}
	return filepath.ToSlash(filepath.Clean(arg))
}
