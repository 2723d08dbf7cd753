package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"numhook/server/event"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Every migration sets the file's user_version to its own number, and the first one this application_id, so that one
// look at the header says whose the file is and whether goose has anything to do.
const (
	applicationID = 0x6e686f6b
	latestSchema  = 5
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
			Hint: "give --store the path of a numhook store, or of a file that does not exist yet"}
	case version > latestSchema:
		return 0, &event.Error{Kind: event.Unavailable,
			Text: fmt.Sprintf("cannot open store: its schema is version %d, and this program knows versions up to %d", version,
				latestSchema),
			Hint: "use the numhook version that wrote it last, or a newer one"}
	}
	return version, nil
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
		err = errors.New("the migrations did not reach the latest schema")
	}
	return err
}

// requireLatest fails unless the schema is the one that this program's statements are written for.
func requireLatest(ctx context.Context, db asker) error {
	version, err := schemaOf(ctx, db)
	if err != nil || version == latestSchema {
		return err
	}
	return &event.Error{Kind: event.Unavailable,
		Text: fmt.Sprintf("cannot open store: its schema is version %d, and this program needs version %d", version,
			latestSchema),
		Hint: "start numhook serve once with this version: it brings the store up to date"}
}
