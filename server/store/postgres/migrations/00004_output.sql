-- +goose Up

-- What the last attempt's program printed, escaped.
ALTER TABLE numhook.owed ADD COLUMN output bytea NOT NULL DEFAULT '';
