-- +goose Up

-- What the sender wrote is bytea throughout: text cannot hold a NUL, nor whatever is not UTF-8, and an event must never be refused for that. The program
-- compares it byte by byte; at a SQL prompt encode(x, 'escape') shows it, and convert_from(x, 'UTF8') makes JSON of it.

CREATE TYPE numhook.attribute AS ENUM ('cnam', 'emergency_address');
CREATE TYPE numhook.quarantine_reason AS ENUM ('malformed', 'invalid', 'unknown_event');
CREATE TYPE numhook.quarantine_state AS ENUM ('held', 'redriven');

-- What was delivered, in the order in which it was stored. The lists (numbers, drift, lint) and the headers are JSON; the body is the bytes that were
-- signed. Times of receipt are microseconds since the epoch, event_ts is the sender's milliseconds.
-- Places are drawn by whoever stores, several at once: a reader that pages by them has to wait for those that were drawn but not committed (events.go).
CREATE SEQUENCE numhook.places AS bigint;
CREATE TABLE numhook.events (
    seq          bigint   PRIMARY KEY,
    event_ts     bigint   NOT NULL,
    received     bigint   NOT NULL,
    quarantine   bigint,
    carrier_code integer  NOT NULL,
    attribute    numhook.attribute,
    id           bytea    NOT NULL CHECK (length(id) = 32),
    name         bytea    NOT NULL,
    account_id   bytea    NOT NULL,
    numbers      bytea    NOT NULL,
    value        bytea,
    drift        bytea    NOT NULL,
    lint         bytea    NOT NULL,
    door         bytea    NOT NULL,
    header       bytea    NOT NULL,
    body         bytea    NOT NULL
);
ALTER SEQUENCE numhook.places OWNED BY numhook.events.seq;

-- An identity covers the whole body, event_ts included, so this makes an event unique for ever; and because event_ts comes first, new entries land on the
-- few pages at its end instead of anywhere.
CREATE UNIQUE INDEX events_identity ON numhook.events (event_ts, id);

-- Finds an event by its identity alone. Ids are random, so one tree of them would take every insert on another page: here each run of 16,384 events has a
-- small sorted piece of its own, and a search looks once into each piece.
CREATE INDEX events_lookup ON numhook.events ((seq >> 14), substr(id, 1, 8));

-- What each event says about each of its numbers. The last row of a (number, attribute) is its current value: there is no second copy to keep in step, and
-- how a change stands follows from the order alone. No foreign key to events: it would cost a lock on the event for every number, and both rows are
-- written by one statement.
CREATE TABLE numhook.changes (
    event_ts  bigint            NOT NULL,
    seq       bigint            NOT NULL,
    attribute numhook.attribute NOT NULL,
    number    bytea             NOT NULL,
    PRIMARY KEY (number, attribute, event_ts, seq)
);

-- Signed deliveries that were refused. The same bytes at the same door are one row.
CREATE TABLE numhook.quarantine (
    id          bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    door        bytea   NOT NULL,
    digest      bytea   NOT NULL CHECK (length(digest) = 32),
    reason      numhook.quarantine_reason NOT NULL,
    event_name  bytea   NOT NULL,
    violations  bytea   NOT NULL,
    times       bigint  NOT NULL CHECK (times > 0),
    state       numhook.quarantine_state NOT NULL DEFAULT 'held',
    redriven_as bigint  REFERENCES numhook.events (seq),
    received    bigint  NOT NULL,
    header      bytea   NOT NULL,
    body        bytea   NOT NULL,
    CHECK ((state = 'redriven') = (redriven_as IS NOT NULL)),
    UNIQUE (digest, door)
);

-- Single facts about the receiver: the time of the last good challenge, and what the readiness check writes.
CREATE TABLE numhook.facts (
    name text   PRIMARY KEY CHECK (name IN ('challenge', 'ready')),
    at   bigint NOT NULL
);

-- For people with a SQL prompt; the program reads changes.
CREATE VIEW numhook.numbers AS
SELECT encode(c.number, 'escape') AS number, c.attribute, convert_from(e.value, 'UTF8') AS value,
    c.event_ts, c.seq, encode(e.id, 'hex') AS event_id, to_timestamp(e.received / 1e6) AS received
FROM numhook.changes c JOIN numhook.events e ON e.seq = c.seq
WHERE NOT EXISTS (
    SELECT 1 FROM numhook.changes n
    WHERE n.number = c.number AND n.attribute = c.attribute AND (n.event_ts, n.seq) > (c.event_ts, c.seq)
);
