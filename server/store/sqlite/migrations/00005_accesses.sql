-- +goose Up
PRAGMA user_version = 5;

-- Who looked at personal data and who changed something, when, as what and from where. Times are microseconds since the epoch.
CREATE TABLE accesses (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    who    TEXT    NOT NULL,
    role   TEXT    NOT NULL,
    origin TEXT    NOT NULL,
    action TEXT    NOT NULL,
    object TEXT    NOT NULL,
    detail TEXT    NOT NULL,
    result TEXT    NOT NULL CHECK (result IN ('begun', 'shown', 'done', 'none', 'refused', 'failed'))
) STRICT;
CREATE INDEX accesses_who ON accesses (who);
CREATE INDEX accesses_object ON accesses (object) WHERE object <> '';
