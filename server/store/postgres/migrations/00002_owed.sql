-- +goose Up

-- Whoever stores an event must write what it makes owed. A receiver of the version before does not, so it may not go on: its statements name this
-- sequence, fail, and have it connect anew, which tells it that the schema has changed.
ALTER SEQUENCE numhook.places RENAME TO event_places;

CREATE TYPE numhook.downstream_mode AS ENUM ('latest', 'every');
CREATE TYPE numhook.downstream_start AS ENUM ('now', 'beginning', 'snapshot');

-- Where events are handed on to. NULL lists let everything pass. A removed one has no name any more, and goes when nothing is owed to it.
-- Whoever changes what is owed to a downstream, or to whom, holds the lock of the places (statement.go) alone: no event is stored meanwhile.
CREATE TABLE numhook.downstreams (
    id            bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          bytea   UNIQUE,
    mode          numhook.downstream_mode  NOT NULL,
    start         numhook.downstream_start NOT NULL,
    events        bytea[],
    carrier_codes integer[],
    countries     bytea[],
    prefixes      bytea[],
    registered    bigint  NOT NULL,
    filled        boolean NOT NULL,
    paused        bigint,
    paused_why    bytea   NOT NULL DEFAULT ''
);

-- An untold row keeps the newest version of a subject of which the downstream has not been told anything, because no value of it ever passed: it is owed
-- nothing, and nobody sees it. It is there so that a value that passes and a newer one that does not cannot miss each other in two transactions.
CREATE TYPE numhook.owed_state AS ENUM ('waiting', 'attempting', 'delivered', 'dead', 'skipped', 'untold');

-- What downstreams are owed: one row a subject. The slot is 0 in mode latest, and the event's place in mode every. Times are microseconds since the epoch by the
-- database's clock. The claim is 0 or that of the last attempt. No foreign keys: they would cost a lock on the downstream and one on the event for every row.
-- A waiting row of mode every is queued when another one of its number is to be delivered before it, and somebody who looked for work has come across it: it is
-- not looked at again before one of those has gone.
-- Each value is written, claimed and recorded, and each of the three leaves an old version of the row behind: pages have room for them, and are cleaned early.
CREATE TABLE numhook.owed (
    id         bigint  PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    downstream bigint  NOT NULL,
    slot       bigint  NOT NULL,
    event_ts   bigint  NOT NULL,
    seq        bigint  NOT NULL,
    due        bigint  NOT NULL,
    since      bigint  NOT NULL,
    claim      bigint  NOT NULL DEFAULT 0,
    attempted  bigint,
    state      numhook.owed_state NOT NULL,
    tries      integer NOT NULL DEFAULT 0,
    queued     boolean NOT NULL DEFAULT false CHECK (NOT queued OR state = 'waiting' AND slot > 0),
    attribute  text    NOT NULL CHECK (attribute IN ('', 'cnam', 'emergency_address')),
    number     bytea   NOT NULL,
    reason     bytea   NOT NULL DEFAULT '',
    UNIQUE (downstream, number, attribute, slot)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.1);

CREATE INDEX owed_due ON numhook.owed (downstream, due, id) INCLUDE (since) WHERE state = 'waiting' AND NOT queued;
CREATE INDEX owed_attempting ON numhook.owed (downstream, claim) WHERE state = 'attempting';
CREATE INDEX owed_dead ON numhook.owed (downstream, id) WHERE state = 'dead';

-- The queue of each number in mode every.
CREATE INDEX owed_queue ON numhook.owed (downstream, number, event_ts, seq) INCLUDE (queued, since) WHERE slot > 0 AND state IN ('waiting', 'attempting');
