-- +goose Up

-- Who looked at personal data and who changed something, when, as what and from where. Times are microseconds since the epoch. The texts hold what people typed
-- and what the sender named, so they are bytea as everywhere.
CREATE TABLE numhook.accesses (
    id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at     bigint NOT NULL,
    result text   NOT NULL CHECK (result IN ('begun', 'shown', 'done', 'none', 'refused', 'failed')),
    who    bytea  NOT NULL,
    role   bytea  NOT NULL,
    origin bytea  NOT NULL,
    action bytea  NOT NULL,
    object bytea  NOT NULL,
    detail bytea  NOT NULL
);
CREATE INDEX accesses_who ON numhook.accesses (who, id);
CREATE INDEX accesses_object ON numhook.accesses (object, id) WHERE object <> ''::bytea;
