-- +goose Up

-- In the order in which those who store take their locks. A receiver of the version before may not go on, because it would order by the sender's word: its
-- statements name a column that is no longer there, fail, and have it connect anew, which tells it that the schema has changed.
LOCK TABLE numhook.quarantine, numhook.events, numhook.changes, numhook.owed IN ACCESS EXCLUSIVE MODE;

-- What the last attempt's program printed, escaped.
ALTER TABLE numhook.owed ADD COLUMN output bytea NOT NULL DEFAULT '';

-- An event_ts that lies a day or more after its receipt is ordered as the receipt. Changes hold what they are ordered by, and so does what is owed, under the name
-- event_ts, which is its version; the sender's own value is that of the event.
DROP VIEW numhook.numbers;
ALTER TABLE numhook.changes RENAME COLUMN event_ts TO ordered_ts;

-- For people with a SQL prompt; the program reads changes.
CREATE VIEW numhook.numbers AS
SELECT encode(c.number, 'escape') AS number, c.attribute, convert_from(e.value, 'UTF8') AS value,
    e.event_ts, c.seq, encode(e.id, 'hex') AS event_id, to_timestamp(e.received / 1e6) AS received
FROM numhook.changes c JOIN numhook.events e ON e.seq = c.seq
WHERE NOT EXISTS (
    SELECT 1 FROM numhook.changes n
    WHERE n.number = c.number AND n.attribute = c.attribute AND (n.ordered_ts, n.seq) > (c.ordered_ts, c.seq)
);

CREATE TEMP TABLE absurd ON COMMIT DROP AS
SELECT seq, received / 1000 AS ordered_ts FROM numhook.events WHERE event_ts >= received / 1000 + 86400000;
CREATE TEMP TABLE affected ON COMMIT DROP AS
SELECT DISTINCT c.number, c.attribute FROM numhook.changes c JOIN absurd a ON a.seq = c.seq;

UPDATE numhook.changes c SET ordered_ts = a.ordered_ts FROM absurd a WHERE a.seq = c.seq;

-- Mode every: the rows are there, and stand in another order. What had been put aside is looked at again.
UPDATE numhook.owed o SET event_ts = a.ordered_ts FROM absurd a WHERE a.seq = o.seq;
UPDATE numhook.owed o SET queued = false WHERE o.queued AND EXISTS (
    SELECT FROM numhook.owed w JOIN absurd a ON a.seq = w.seq WHERE w.downstream = o.downstream AND w.number = o.number AND w.slot > 0);

-- Mode latest: what was held up by an absurd value is owed now, as if it had just come.
CREATE TEMP TABLE newest ON COMMIT DROP AS
SELECT d.id AS downstream, c.number, c.attribute::text AS attribute, c.ordered_ts, c.seq, n.now,
    (d.carrier_codes IS NULL OR e.carrier_code = ANY (d.carrier_codes))
        AND (d.prefixes IS NULL OR EXISTS (
            SELECT FROM unnest(d.prefixes) AS p (prefix) WHERE substr(c.number, 1, length(p.prefix)) = p.prefix))
        AND (d.countries IS NULL OR v.country IS NULL OR convert_to(v.country, 'UTF8') = ANY (d.countries)) AS passes,
    d.start <> 'now' OR e.received >= d.registered AS told
FROM affected f
CROSS JOIN LATERAL (
    SELECT * FROM numhook.changes WHERE number = f.number AND attribute = f.attribute ORDER BY ordered_ts DESC, seq DESC LIMIT 1
) c
JOIN numhook.events e ON e.seq = c.seq
JOIN numhook.downstreams d ON d.mode = 'latest' AND d.name IS NOT NULL AND (d.events IS NULL OR e.name = ANY (d.events))
-- A text with NUL is none that this JSON can hold; the value names no country then, and passes. chr(92) is the backslash, whatever a role makes of one in quotes.
CROSS JOIN LATERAL (SELECT CASE
    WHEN c.attribute = 'emergency_address' AND position(chr(92) || 'u0000' IN convert_from(e.value, 'UTF8')) = 0
    THEN convert_from(e.value, 'UTF8')::json -> 'country' END AS member) m
CROSS JOIN LATERAL (SELECT CASE json_typeof(m.member) WHEN 'string' THEN nullif(m.member #>> '{}', '') END AS country) v
CROSS JOIN (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now) n;

UPDATE numhook.owed o SET event_ts = n.ordered_ts, seq = n.seq, tries = 0,
    due = CASE o.state WHEN 'waiting' THEN least(o.due, n.now) ELSE n.now END,
    since = CASE WHEN o.state IN ('waiting', 'attempting') THEN o.since ELSE n.now END,
    state = CASE WHEN o.state = 'untold' AND NOT n.passes OR o.state = 'attempting' THEN o.state ELSE 'waiting' END
FROM newest n
WHERE o.downstream = n.downstream AND o.number = n.number AND o.attribute = n.attribute AND o.slot = 0 AND o.seq <> n.seq;
INSERT INTO numhook.owed (downstream, number, attribute, slot, event_ts, seq, state, due, since)
SELECT downstream, number, attribute, 0, ordered_ts, seq, 'waiting', now, now FROM newest WHERE passes AND told ON CONFLICT DO NOTHING;

-- The same bytes are one row for each event of the contract that a path named, and one for all other paths: a path is not signed. What an earlier version kept of
-- one delivery at several paths becomes one row: the one that was redriven, or else the first. A path or an event name that is longer than what is kept is left
-- out.
ALTER TYPE numhook.quarantine_state ADD VALUE 'discarded';
ALTER TABLE numhook.quarantine ADD COLUMN path_event bytea NOT NULL DEFAULT '';
UPDATE numhook.quarantine q SET path_event = e.name
FROM (VALUES ('number_management.peering_number_cnam_updated'::bytea), ('number_management.peering_number_emergency_address_updated')) AS e (name)
WHERE substr('/'::bytea || btrim(q.door, '/'::bytea), greatest(1, length(btrim(q.door, '/'::bytea)) + 1 - length(e.name))) = '/'::bytea || e.name;
CREATE TEMP TABLE same ON COMMIT DROP AS
SELECT id, redriven_as, sum(times) OVER (PARTITION BY digest, path_event) AS times,
    first_value(id) OVER (PARTITION BY digest, path_event ORDER BY state <> 'redriven', id) AS first
FROM numhook.quarantine;
UPDATE numhook.events e SET quarantine = s.first FROM same s WHERE e.seq = s.redriven_as AND e.quarantine = s.id AND s.id <> s.first;
DELETE FROM numhook.quarantine q USING same s WHERE q.id = s.id AND s.id <> s.first;
UPDATE numhook.quarantine q SET times = s.times FROM same s WHERE q.id = s.id AND q.times <> s.times;
UPDATE numhook.quarantine SET door = CASE WHEN length(door) > 256 THEN '/'::bytea || path_event ELSE door END,
    event_name = CASE WHEN length(event_name) > 256 THEN '' ELSE event_name END
WHERE length(door) > 256 OR length(event_name) > 256;
ALTER TABLE numhook.quarantine DROP CONSTRAINT quarantine_digest_door_key;
ALTER TABLE numhook.quarantine ADD UNIQUE (digest, path_event);
