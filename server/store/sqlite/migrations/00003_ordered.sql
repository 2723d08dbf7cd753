-- +goose Up
PRAGMA user_version = 3;

-- What the last attempt's program printed, escaped.
ALTER TABLE owed ADD COLUMN output TEXT NOT NULL DEFAULT '';

-- An event_ts that lies a day or more after its receipt is ordered as the receipt. Changes hold what they are ordered by, and so does what is owed, under the name
-- event_ts, which is its version; the sender's own value is that of the event.
DROP VIEW numbers;
ALTER TABLE changes RENAME COLUMN event_ts TO ordered_ts;

-- For people with a SQL prompt; the program reads changes.
CREATE VIEW numbers AS
SELECT c.number, c.attribute, e.value, e.event_ts, c.seq, lower(hex(e.id)) AS event_id
FROM changes c JOIN events e ON e.seq = c.seq
WHERE NOT EXISTS (
    SELECT 1 FROM changes n
    WHERE n.number = c.number AND n.attribute = c.attribute AND (n.ordered_ts, n.seq) > (c.ordered_ts, c.seq)
);

CREATE TEMP TABLE absurd AS SELECT seq, received / 1000 AS ordered_ts FROM events WHERE event_ts >= received / 1000 + 86400000;
CREATE TEMP TABLE affected AS SELECT DISTINCT number, attribute FROM changes WHERE seq IN (SELECT seq FROM absurd);

UPDATE changes SET ordered_ts = (SELECT a.ordered_ts FROM absurd a WHERE a.seq = changes.seq) WHERE seq IN (SELECT seq FROM absurd);
UPDATE changes SET superseded = EXISTS (SELECT 1 FROM changes b
    WHERE b.number = changes.number AND b.attribute = changes.attribute AND b.ordered_ts > changes.ordered_ts AND b.seq < changes.seq)
WHERE (number, attribute) IN (SELECT number, attribute FROM affected);

-- Mode every: the rows are there, and stand in another order.
CREATE TEMP TABLE lines AS SELECT DISTINCT downstream, number FROM owed WHERE slot > 0 AND seq IN (SELECT seq FROM absurd);
UPDATE owed SET event_ts = (SELECT a.ordered_ts FROM absurd a WHERE a.seq = owed.seq) WHERE seq IN (SELECT seq FROM absurd);
UPDATE owed SET behind = EXISTS (SELECT 1 FROM owed b WHERE b.downstream = owed.downstream AND b.number = owed.number AND b.slot > 0
    AND b.state IN ('waiting', 'attempting') AND (b.event_ts, b.seq) < (owed.event_ts, owed.seq))
WHERE slot > 0 AND state = 'waiting' AND (downstream, number) IN (SELECT downstream, number FROM lines);

-- Mode latest: what was held up by an absurd value is owed now, as if it had just come.
CREATE TEMP TABLE newest AS
SELECT d.id AS downstream, c.number, c.attribute, c.ordered_ts, c.seq, CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS now,
    (d.start <> 'now' OR e.received >= d.registered)
        AND (d.carrier_codes = '[]' OR e.carrier_code IN (SELECT value FROM json_each(d.carrier_codes)))
        AND (d.prefixes = '[]'
            OR EXISTS (SELECT 1 FROM json_each(d.prefixes) p WHERE substr(c.number, 1, length(p.value)) = p.value))
        AND (d.countries = '[]' OR c.attribute <> 'emergency_address' OR json_type(e.value) <> 'object'
            OR coalesce(json_type(e.value, '$.country'), '') <> 'text' OR e.value ->> '$.country' IN (SELECT '' UNION SELECT value FROM json_each(d.countries))
        ) AS passes
FROM affected f
JOIN changes c ON c.number = f.number AND c.attribute = f.attribute AND (c.ordered_ts, c.seq) = (
    SELECT ordered_ts, seq FROM changes WHERE number = f.number AND attribute = f.attribute ORDER BY ordered_ts DESC, seq DESC LIMIT 1)
JOIN events e ON e.seq = c.seq
JOIN downstreams d ON d.mode = 'latest' AND (d.events = '[]' OR e.name IN (SELECT value FROM json_each(d.events)));

UPDATE owed SET event_ts = n.ordered_ts, seq = n.seq, tries = 0, due = CASE state WHEN 'waiting' THEN min(due, n.now) ELSE n.now END,
    since = CASE WHEN state IN ('waiting', 'attempting') THEN since ELSE n.now END,
    state = CASE state WHEN 'attempting' THEN state ELSE 'waiting' END
FROM newest n
WHERE owed.downstream = n.downstream AND owed.number = n.number AND owed.attribute = n.attribute AND owed.slot = 0 AND owed.seq <> n.seq;
INSERT INTO owed (downstream, number, attribute, slot, event_ts, seq, state, due, since)
SELECT downstream, number, attribute, 0, ordered_ts, seq, 'waiting', now, now FROM newest WHERE passes ON CONFLICT DO NOTHING;

DROP TABLE newest;
DROP TABLE lines;
DROP TABLE affected;
DROP TABLE absurd;

-- Signed deliveries that were refused. The same bytes are one row for each event of the contract that a path named, and one for all other paths: a path is not
-- signed. What an earlier version kept of one delivery at several paths becomes one row: the one that was redriven, or else the first. A path or an event name
-- that is longer than what is kept is left out.
CREATE TABLE kept (
    id          INTEGER PRIMARY KEY,
    door        TEXT    NOT NULL,
    path_event  TEXT    NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    reason      TEXT    NOT NULL CHECK (reason IN ('malformed', 'invalid', 'unknown_event')),
    event_name  TEXT    NOT NULL,
    violations  TEXT    NOT NULL,
    times       INTEGER NOT NULL DEFAULT 1 CHECK (times > 0),
    state       TEXT    NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'redriven', 'discarded')),
    redriven_as INTEGER REFERENCES events (seq),
    received    INTEGER NOT NULL,
    header      TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    CHECK ((state = 'redriven') = (redriven_as IS NOT NULL)),
    UNIQUE (digest, path_event)
) STRICT;
CREATE TEMP TABLE same AS
SELECT id, path_event, redriven_as, sum(times) OVER (PARTITION BY digest, path_event) AS times,
    first_value(id) OVER (PARTITION BY digest, path_event ORDER BY state <> 'redriven', id) AS first
FROM (
    SELECT id, digest, times, state, redriven_as, coalesce((
        SELECT e.column1 FROM (VALUES ('number_management.peering_number_cnam_updated'), ('number_management.peering_number_emergency_address_updated')) e
        WHERE substr('/' || rtrim(door, '/'), -length(e.column1) - 1) = '/' || e.column1), '') AS path_event
    FROM quarantine
);
INSERT INTO kept
SELECT q.id, CASE WHEN length(CAST(q.door AS BLOB)) > 256 THEN '/' || s.path_event ELSE q.door END, s.path_event, q.digest, q.reason,
    CASE WHEN length(CAST(q.event_name AS BLOB)) > 256 THEN '' ELSE q.event_name END, q.violations, s.times, q.state, q.redriven_as, q.received, q.header, q.body
FROM same s JOIN quarantine q ON q.id = s.id WHERE s.id = s.first;
UPDATE events SET quarantine = (SELECT s.first FROM same s WHERE s.id = events.quarantine)
WHERE quarantine IS NOT NULL AND seq IN (SELECT redriven_as FROM same WHERE id <> first AND redriven_as IS NOT NULL);
DROP TABLE quarantine;
ALTER TABLE kept RENAME TO quarantine;
CREATE INDEX quarantine_held ON quarantine (length(body)) WHERE state = 'held';
DROP TABLE same;
