-- +goose Up
PRAGMA user_version = 3;

-- What the last attempt's program printed, escaped.
ALTER TABLE owed ADD COLUMN output TEXT NOT NULL DEFAULT '';
