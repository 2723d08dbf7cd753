package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/postgres"
	"numhook/server/store/sound"
	"numhook/server/store/sqlite"
)

// Where things lie unless a flag says otherwise.
const (
	dataFolder       = "numhook-data"
	defaultStore     = "sqlite:" + dataFolder + "/numhook.db"
	devSecretFile    = dataFolder + "/dev-secret"
	secretsVariable  = "NUMHOOK_SECRETS"
	environmentStart = "NUMHOOK_"
)

// readFlags reads what the command line leaves out from the environment, and refuses what is there and empty.
func readFlags(cmd *cobra.Command) error {
	if err := flagsFromEnvironment(cmd); err != nil {
		return err
	}
	if limit, err := cmd.Flags().GetInt("limit"); err == nil && limit < 0 {
		return errors.New("cannot list: --limit must be at least 0, which is all")
	}
	return refuseEmpty(cmd)
}

// flagsFromEnvironment gives every flag that the command line leaves out the value of its environment variable.
func flagsFromEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := variableOf(f)
		value, given := os.LookupEnv(name)
		if f.Changed || !given || failed != nil || f.Name == "help" || f.Name == "version" {
			return
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			failed = fmt.Errorf("cannot read environment variable %s: %w", name, err)
		}
	})
	return failed
}

// storeFlag adds --store.
func storeFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("store", defaultStore, "where events are kept: "+storeForms)
}

// formatFlag adds --format with the formats given, the first being the default.
func formatFlag(cmd *cobra.Command, formats ...string) *choice {
	c := &choice{value: formats[0], among: formats}
	cmd.Flags().Var(c, "format", "output format: "+strings.Join(formats, ", "))
	return c
}

// choice is a flag with a closed list of values.
type choice struct {
	value string
	among []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "format" }
func (c *choice) Set(value string) error {
	for _, known := range c.among {
		if value == known {
			c.value = value
			return nil
		}
	}
	return fmt.Errorf("it must be one of %s", strings.Join(c.among, ", "))
}

// byteSize is a flag such as 1048576, 512KiB or 1MiB.
type byteSize int64

func (b *byteSize) String() string {
	for _, unit := range byteUnits {
		if int64(*b) >= unit.size && int64(*b)%unit.size == 0 {
			return strconv.FormatInt(int64(*b)/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

func (b *byteSize) Type() string { return "size" }

var byteUnits = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

func (b *byteSize) Set(value string) error {
	digits, size := value, int64(1)
	for _, unit := range byteUnits {
		if cut, ok := strings.CutSuffix(value, unit.name); ok {
			digits, size = cut, unit.size
			break
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n <= 0 || n > (1<<40)/size {
		return errors.New("it must be a size such as 1MiB, 512KiB or 1048576")
	}
	*b = byteSize(n * size)
	return nil
}

// storeOptions are the settings that every engine has.
type storeOptions struct {
	observer    store.Observer
	check       sound.Check
	wake        func() // is called, without blocking, when something becomes due for a downstream
	allowUnsafe bool
}

// engine is how the stores of one kind are opened.
type engine struct {
	serve   func(ctx context.Context, at string, o storeOptions) (store.Store, error)
	operate func(ctx context.Context, at string) (store.Store, error) // for a write beside running receivers
	read    func(ctx context.Context, at string) (reader, error)
	schema  int // the version of what they are written in
	repair  func(ctx context.Context, at string, how sound.Salvage) (*sound.Salvaged, error)
}

// reader is an open store of which only the reading half is used.
type reader interface {
	store.Reader
	store.OutboxReader
	Close() error
}

var sqliteEngine = engine{
	serve: func(ctx context.Context, path string, o storeOptions) (store.Store, error) {
		return sqlite.Open(ctx, path, sqlite.Options{Observer: o.observer, Check: o.check, Wake: o.wake,
			AllowUnsafe: o.allowUnsafe})
	},
	operate: func(ctx context.Context, path string) (store.Store, error) {
		s, err := sqlite.OpenOperator(ctx, path)
		return checked(ctx, s, err)
	},
	read: func(ctx context.Context, path string) (reader, error) {
		r, err := sqlite.OpenReader(ctx, path)
		return checked(ctx, r, err)
	},
	repair: sqlite.Repair, schema: sqlite.Schema,
}

var postgresEngine = engine{
	serve: func(ctx context.Context, url string, o storeOptions) (store.Store, error) {
		return postgres.Open(ctx, url, postgres.Options{Observer: o.observer, Check: o.check, Wake: o.wake,
			AllowUnsafe: o.allowUnsafe})
	},
	operate: func(ctx context.Context, url string) (store.Store, error) {
		s, err := postgres.OpenOperator(ctx, url)
		return checked(ctx, s, err)
	},
	read: func(ctx context.Context, url string) (reader, error) {
		r, err := postgres.OpenReader(ctx, url)
		return checked(ctx, r, err)
	},
	repair: postgres.Repair, schema: postgres.Schema,
}

// storeForms is what --store takes, in words.
const storeForms = "sqlite:PATH, or postgres://USER@HOST/DATABASE"

// embedded reports whether a store is served by one process alone.
func embedded(url string) bool { return strings.HasPrefix(url, "sqlite:") }

// engineName is what the engine of a store is called.
func engineName(url string) string {
	if embedded(url) {
		return "sqlite"
	}
	return "postgres"
}

// findEngine is the engine that a store URL names, and what that engine is to open. What is none may hold a password
// anywhere, so nothing of it is quoted.
func findEngine(url string) (engine, string, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" && !isRemote(path) {
		return sqliteEngine, path, nil
	}
	if strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return postgresEngine, url, nil
	}
	return engine{}, "", &event.Error{Kind: event.Internal, Text: "cannot open store: it is not given in a form that " +
		"is known", Hint: "--store takes " + storeForms}
}

// isRemote reports whether what follows sqlite: was written as the address of a server, with a user and a password
// perhaps.
func isRemote(path string) bool { return strings.HasPrefix(path, "//") && strings.Contains(path, "@") }

// opened passes a store on. That there is none where the flag says is no answer to anything, but no access.
func opened[S any](s S, err error) (S, error) {
	if err != nil {
		var none S // not the engine's nil pointer, which an interface would hide
		return none, &exitError{code: exitUse, err: err}
	}
	return s, nil
}

// openServing opens the store for the one receiver of an embedded store, or for one of several on a database.
func openServing(ctx context.Context, url string, o storeOptions) (store.Store, error) {
	e, at, err := findEngine(url)
	if err != nil {
		return nil, err
	}
	return opened(e.serve(ctx, at, o))
}

// openOperator opens the store for a write beside running receivers.
func openOperator(ctx context.Context, url string) (store.Store, error) {
	e, at, err := findEngine(url)
	if err != nil {
		return nil, err
	}
	return opened(e.operate(ctx, at))
}

func openReader(ctx context.Context, url string) (reader, error) {
	e, at, err := findEngine(url)
	if err != nil {
		return nil, err
	}
	return opened(e.read(ctx, at))
}
