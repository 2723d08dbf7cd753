package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	codes "modernc.org/sqlite/lib"

	"numhook/server/event"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Every migration sets the file's user_version to its own number, and the first one this application_id, so that one
// look at the header says whose the file is and whether goose has anything to do.
const (
	applicationID = 0x6e686f6b
	latestSchema  = 6
)

// asker is a connection or a pool of them.
type asker interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaOf reads which schema the file has: 0 for an empty file. It fails when the file is not ours or is too new for
// this program.
func schemaOf(ctx context.Context, db asker) (int, error) {
	var application, version, objects int
	row := db.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema
		WHERE name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite_%')
		FROM pragma_application_id a, pragma_user_version v`)
	if err := row.Scan(&application, &version, &objects); err != nil {
		return 0, err
	}
	switch {
	case application == 0 && version == 0 && objects == 0:
		return 0, nil
	case application != applicationID:
		return 0, &event.Error{Kind: event.Unavailable, Text: "cannot open store: the file is a SQLite database of " +
			"another program",
			Hint: "give --store the path of a numhook store, or of a file that does not exist yet; if it was a store, " +
				"restore a backup, or save what is whole with numhook store check --repair"}
	case version < 1:
		return 0, damagedSchema(version)
	case version > latestSchema:
		return 0, &event.Error{Kind: event.Unavailable,
			Text: fmt.Sprintf("cannot open store: its schema is version %d, and this program knows versions up to %d", version,
				latestSchema),
			Hint: "use the numhook version that wrote it last, or a newer one"}
	}
	return version, nil
}

// damagedSchema is the refusal of a file whose header says a schema that its tables do not have.
func damagedSchema(version int) error {
	return &event.Error{Kind: event.Damaged,
		Text: fmt.Sprintf("cannot open store: its header is damaged: it says that the schema is version %d", version),
		Hint: hints[codes.SQLITE_CORRUPT]}
}

// migrate brings the schema up to date. A file that is up to date costs one query.
func migrate(ctx context.Context, db *sql.DB) error {
	version, err := schemaOf(ctx, db)
	if err != nil || version == latestSchema {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	if version, err = schemaOf(ctx, db); err == nil && version != latestSchema {
		err = damagedSchema(version) // goose's own table says that nothing was left to do
	}
	return err
}

// requireLatest fails unless the schema is the one that this program's statements are written for.
func requireLatest(ctx context.Context, db asker) error {
	version, err := schemaOf(ctx, db)
	if err != nil || version == latestSchema {
		return err
	}
	if version == 0 {
		return &event.Error{Kind: event.Unavailable, Text: "cannot open store: the file is empty",
			Hint: "numhook serve begins a store in it; if there was one, restore a backup"}
	}
	return &event.Error{Kind: event.Unavailable,
		Text: fmt.Sprintf("cannot open store: its schema is version %d, and this program needs version %d", version,
			latestSchema),
		Hint: "start numhook serve once with this version: it brings the store up to date"}
}

// Schema is the version of the schema that this program writes.
const Schema = latestSchema
