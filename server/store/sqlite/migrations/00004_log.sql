-- +goose Up
PRAGMA user_version = 4;

-- Which log belongs to the file. The two are different in the file alone exactly while the log holds what the file does not: see mark.go.
CREATE TABLE log (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    started INTEGER NOT NULL,
    next    INTEGER NOT NULL
) STRICT;
INSERT INTO log (id, started, next) VALUES (1, 0, 0);
