package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"numhook/server/store/sqlite"
)

// reopened opens an embedded store as a receiver does, proves that it takes writes, closes it, and has SQLite check the
// file.
func reopened(ctx context.Context, file string) error {
	s, err := sqlite.Open(ctx, file, sqlite.Options{AllowUnsafe: true})
	if err != nil {
		return fmt.Errorf("cannot reopen the store: %w", err)
	}
	if err := errors.Join(s.Ready(ctx), s.Close()); err != nil {
		return fmt.Errorf("cannot use the store: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "SELECT group_concat(integrity_check) FROM pragma_integrity_check").Scan(
		&verdict); err != nil || verdict != "ok" {
		return fmt.Errorf("the store's file is damaged: %s, %w", verdict, err)
	}
	var stray int
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM pragma_foreign_key_check").Scan(&stray); err != nil ||
		stray != 0 {
		return fmt.Errorf("%d changes are of events that are not there, %w", stray, err)
	}
	return nil
}
