-- +goose Up
PRAGMA user_version = 2;

-- Where events are handed on to. The lists are JSON; an empty one lets everything pass. Times are microseconds since the epoch.
CREATE TABLE downstreams (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    mode          TEXT    NOT NULL CHECK (mode IN ('latest', 'every')),
    start         TEXT    NOT NULL CHECK (start IN ('now', 'beginning', 'snapshot')),
    events        TEXT    NOT NULL,
    carrier_codes TEXT    NOT NULL,
    countries     TEXT    NOT NULL,
    prefixes      TEXT    NOT NULL,
    registered    INTEGER NOT NULL,
    filled        INTEGER NOT NULL CHECK (filled IN (0, 1)),
    paused        INTEGER,
    paused_why    TEXT    NOT NULL DEFAULT ''
) STRICT;

-- What downstreams are owed: one row a subject. The slot is 0 in mode latest, and the event's place in mode every: there it is a part of the subject.
-- The value is not copied: it is that of the event at seq, which is the row's version together with event_ts.
-- behind says of a waiting row of mode every that an earlier one of its number is still to be delivered, so that a claim need not look for those it may
-- take among those it may not.
-- No foreign keys: who writes a row has read the downstream and the event in the same transaction, neither goes while it has rows, and SQLite, which would look
-- again and be ready to undo half a statement, takes two thirds of the time without.
-- The conditions are spelled with OR, because SQLite makes a table of its own for an IN with more than two texts, every time that it looks at a row.
CREATE TABLE owed (
    id         INTEGER PRIMARY KEY,
    downstream INTEGER NOT NULL,
    number     TEXT    NOT NULL,
    attribute  TEXT    NOT NULL CHECK (attribute = 'emergency_address' OR attribute = 'cnam' OR attribute = ''),
    slot       INTEGER NOT NULL,
    event_ts   INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state = 'waiting' OR state = 'attempting' OR state = 'delivered' OR state = 'dead' OR state = 'skipped'),
    behind     INTEGER NOT NULL DEFAULT 0 CHECK (behind IN (0, 1)),
    due        INTEGER NOT NULL,
    claim      INTEGER NOT NULL DEFAULT 0,
    tries      INTEGER NOT NULL DEFAULT 0,
    since      INTEGER NOT NULL,
    attempted  INTEGER,
    reason     TEXT    NOT NULL DEFAULT '',
    CHECK (behind = 0 OR (slot > 0 AND state = 'waiting')),
    UNIQUE (downstream, number, attribute, slot)
) STRICT;

-- What is open, by state: what may be claimed, the longest due first; who is attempting; and with since, how many there are, and since when the oldest is
-- owed. One index for all of it, because every row goes in and out of it several times; what was delivered is not in it, and may be many.
CREATE INDEX owed_open ON owed (downstream, state, behind, due, since) WHERE state = 'waiting' OR state = 'attempting' OR state = 'dead';

-- The line of a number in mode every.
CREATE INDEX owed_line ON owed (downstream, number, event_ts, seq) WHERE slot > 0 AND state IN ('waiting', 'attempting');
