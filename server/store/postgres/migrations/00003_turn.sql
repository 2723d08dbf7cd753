-- +goose Up

-- In mode latest a row takes a newer version again and again while it waits, and an index whose columns change has every index of the table written anew. The queue
-- of a number is only for rows whose version never changes, so it gets a column of its own: the event_ts of those, and nothing for the others.
ALTER TABLE numhook.owed ADD COLUMN turn bigint GENERATED ALWAYS AS (CASE WHEN slot > 0 THEN event_ts END) STORED;

-- The queue of each number in mode every.
DROP INDEX numhook.owed_queue;
CREATE INDEX owed_queue ON numhook.owed (downstream, number, turn, slot) INCLUDE (queued, since) WHERE slot > 0 AND state IN ('waiting', 'attempting');
