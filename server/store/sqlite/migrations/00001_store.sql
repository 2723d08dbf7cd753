-- +goose Up
PRAGMA application_id = 0x6e686f6b;
PRAGMA user_version = 1;

-- What was delivered, in the order in which it was stored. The lists (numbers, drift, lint) and the headers are JSON; the body is the bytes that were
-- signed. Times of receipt are microseconds since the epoch, event_ts is the sender's milliseconds.
CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL CHECK (length(id) = 32),
    event_ts     INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    account_id   TEXT    NOT NULL,
    carrier_code INTEGER NOT NULL,
    numbers      TEXT    NOT NULL,
    attribute    TEXT    CHECK (attribute IN ('emergency_address', 'cnam')),
    value        TEXT,
    drift        TEXT    NOT NULL,
    lint         TEXT    NOT NULL,
    quarantine   INTEGER REFERENCES quarantine (id),
    received     INTEGER NOT NULL,
    door         TEXT    NOT NULL,
    header       TEXT    NOT NULL,
    body         BLOB    NOT NULL
) STRICT;

-- An identity covers the whole body, event_ts included, so this makes an event unique for ever; and because event_ts comes first, new entries land on the
-- few pages at its end instead of anywhere.
CREATE UNIQUE INDEX events_identity ON events (event_ts, id);

-- Finds an event by its identity alone. Ids are random, so one tree of them would take every insert on another page: here each run of 1024 events has a
-- small sorted piece of its own, and a search looks once into each piece.
CREATE INDEX events_lookup ON events (seq >> 10, substr(id, 1, 8));

-- What each event says about each of its numbers. The last row of a (number, attribute) is its current value: there is no second copy to keep in step.
CREATE TABLE changes (
    number     TEXT    NOT NULL,
    attribute  TEXT    NOT NULL CHECK (attribute IN ('emergency_address', 'cnam')),
    event_ts   INTEGER NOT NULL,
    seq        INTEGER NOT NULL REFERENCES events (seq),
    superseded INTEGER NOT NULL CHECK (superseded IN (0, 1)),
    PRIMARY KEY (number, attribute, event_ts, seq)
) STRICT, WITHOUT ROWID;

-- For people with a SQL prompt; the program reads changes.
CREATE VIEW numbers AS
SELECT c.number, c.attribute, e.value, c.event_ts, c.seq, lower(hex(e.id)) AS event_id
FROM changes c JOIN events e ON e.seq = c.seq
WHERE NOT EXISTS (
    SELECT 1 FROM changes n
    WHERE n.number = c.number AND n.attribute = c.attribute AND (n.event_ts, n.seq) > (c.event_ts, c.seq)
);

-- Signed deliveries that were refused. The same bytes at the same door are one row.
CREATE TABLE quarantine (
    id          INTEGER PRIMARY KEY,
    door        TEXT    NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    reason      TEXT    NOT NULL CHECK (reason IN ('malformed', 'invalid', 'unknown_event')),
    event_name  TEXT    NOT NULL,
    violations  TEXT    NOT NULL,
    times       INTEGER NOT NULL DEFAULT 1 CHECK (times > 0),
    state       TEXT    NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'redriven')),
    redriven_as INTEGER REFERENCES events (seq),
    received    INTEGER NOT NULL,
    header      TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    CHECK ((state = 'redriven') = (redriven_as IS NOT NULL)),
    UNIQUE (digest, door)
) STRICT;

-- Single facts about the receiver: the time of the last good challenge, and what the readiness check writes.
CREATE TABLE facts (
    name TEXT    PRIMARY KEY CHECK (name IN ('challenge', 'ready')),
    at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
