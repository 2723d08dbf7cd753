package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"numhook/server/event"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	latestSchema = 7
	versions     = "numhook.goose_db_version"

	// migrationLock is the key of the advisory lock under which the schema changes: the letters of numhook.
	migrationLock = 0x6e756d686f6f6b
)

// schemaOf reads which schema the database has: 0 for none. It fails when it is too new for this program.
func schemaOf(ctx context.Context, conn *pgconn.PgConn) (int, error) {
	values, err := oneRow(ctx, conn, "SELECT to_regclass('"+versions+"') IS NOT NULL")
	if err != nil || values[0] != "t" {
		return 0, err
	}
	values, err = oneRow(ctx, conn, "SELECT coalesce(max(version_id), 0) FROM "+versions+" WHERE is_applied")
	if err != nil {
		return 0, err
	}
	version, err := strconv.Atoi(values[0])
	if err != nil {
		return 0, errAnswer
	}
	if version > latestSchema {
		return 0, &event.Error{Kind: event.Unavailable,
			Text: fmt.Sprintf("cannot open store: its schema is version %d, and this program knows versions up to %d", version,
				latestSchema),
			Hint: "use the numhook version that wrote it last, or a newer one"}
	}
	return version, nil
}

// requireLatest fails unless the schema is the one that this program's statements are written for.
func requireLatest(ctx context.Context, conn *pgconn.PgConn) error {
	version, err := schemaOf(ctx, conn)
	switch {
	case err != nil || version == latestSchema:
		return err
	case version == 0:
		return &event.Error{Kind: event.NotFound, Text: "cannot open store: there is none in the database",
			Hint: "numhook serve creates it; --store or NUMHOOK_STORE says where it is"}
	}
	return &event.Error{Kind: event.Unavailable,
		Text: fmt.Sprintf("cannot open store: its schema is version %d, and this program needs version %d", version,
			latestSchema),
		Hint: "start numhook serve once with this version: it brings the store up to date"}
}

// migrate brings the schema up to date. However many receivers start at once, one does it and the others wait for it; a
// schema that is up to date costs two queries. The lock is the session's, so it goes when the session does, however it
// ends; the session is good for nothing else afterwards.
func (s *Store) migrate(ctx context.Context, w *session) error {
	version, err := schemaOf(ctx, w.conn)
	if err != nil || version == latestSchema {
		return err
	}
	if err := configure(ctx, w.conn, patient); err != nil {
		return err
	}
	if err := exec(ctx, w.conn, fmt.Sprintf("SELECT pg_advisory_lock(%d)", migrationLock)); err != nil {
		return err
	}
	if version, err = schemaOf(ctx, w.conn); err == nil && version < latestSchema {
		err = s.migrateLocked(ctx, w)
	}
	return errors.Join(err, exec(ctx, w.conn, fmt.Sprintf("SELECT pg_advisory_unlock(%d)", migrationLock)))
}

func (s *Store) migrateLocked(ctx context.Context, w *session) (err error) {
	// Asking first is not for speed: CREATE SCHEMA needs a right on the database even where the schema is there already.
	values, err := oneRow(ctx, w.conn, "SELECT to_regnamespace('numhook') IS NULL")
	if err != nil {
		return err
	}
	if values[0] == "t" {
		if err := exec(ctx, w.conn, "CREATE SCHEMA numhook"); err != nil {
			return err
		}
	}
	db := stdlib.OpenDB(*s.dsn.pool.ConnConfig.Copy(),
		stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
			return configure(ctx, conn.PgConn(), ways, patient)
		}))
	defer func() { err = errors.Join(err, db.Close()) }()
	return runMigrations(ctx, db)
}

// patient is for changes of the schema, which may take as long as the caller's context lasts.
var patient = map[string]string{"statement_timeout": "0", "lock_timeout": "0", "transaction_timeout": "0"}

func runMigrations(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versions),
		goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

func exec(ctx context.Context, conn *pgconn.PgConn, statement string) error {
	return conn.Exec(ctx, statement).Close()
}

// Schema is the version of the schema that this program writes.
const Schema = latestSchema
