-- +goose Up
PRAGMA user_version = 6;

-- How often something happened within a minute, for charts; after a week within an hour. Times are microseconds since the epoch, of the beginning.
CREATE TABLE activity (
    at    INTEGER NOT NULL,
    name  TEXT    NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (at, name)
) STRICT, WITHOUT ROWID;
