package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"numhook/server"
	"numhook/server/event"
)

// leastTolerance is below any clock's and network's own delay: with less, every delivery would be stale.
const leastTolerance = time.Second

// misuse is wrong use, and what to write instead.
func misuse(text, hint string) error {
	return &event.Error{Kind: event.Invalid, Text: text, Hint: hint}
}

// useful refuses settings with which the receiver would run and refuse every delivery, or listen where nobody meant it
// to.
func (f *serveFlags) useful() error {
	switch {
	case f.listen == "":
		return misuse("cannot serve: --listen is empty, which would be any port on every address",
			"write :8080 for port 8080 on every address, or 127.0.0.1:8080")
	case f.maxBody < server.SmallBody:
		return misuse("cannot serve: --max-body is under 16KiB, and the sender's own events have up to 10 KB",
			"write 1MiB, or leave it out")
	case f.tolerance < leastTolerance:
		return misuse("cannot serve: --tolerance is under 1s, so that every delivery would be too old",
			"write 5m, or leave it out")
	}
	return nil
}

// fileFlags name a file. An empty one is a variable that was not filled in, and not the wish to have none.
var fileFlags = []string{"config", "secret-file", "tls-cert", "tls-key", "operator-tokens", "operator-tls-cert",
	"operator-tls-key"}

// refuseEmpty refuses a file that was given and has no name.
func refuseEmpty(cmd *cobra.Command) error {
	for _, name := range fileFlags {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed || f.Value.String() != "" {
			continue
		}
		return misuse("cannot read --"+name+": it names no file", "give it a file, or leave out the flag and "+variableOf(f))
	}
	return nil
}

// cannotListen is the failure to listen on the address of the flag.
func cannotListen(text, flag, address string, err error) error {
	return &event.Error{Kind: event.Unavailable, Text: text, Hint: listenHint(flag, address, err), Err: err}
}

// listenHint is what to write in the flag instead of an address that cannot be listened on.
func listenHint(flag, address string, err error) string {
	if strings.Trim(address, "0123456789") == "" {
		return "write --" + flag + " :" + address
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return "another program listens there: give --" + flag + " another port"
	}
	return ""
}

// missingFile is the file of an embedded store that does not exist yet, or nothing.
func missingFile(store string) string {
	path, ok := strings.CutPrefix(store, "sqlite:")
	if !ok {
		return ""
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path
}

// tellNew says that the store was made: with a typing error in its path, or on a volume that is not mounted, it is not
// the one that was meant.
func tellNew(log *slog.Logger, path string) {
	if path != "" {
		log.Warn("a new store was made", slog.String("path", path))
	}
}
