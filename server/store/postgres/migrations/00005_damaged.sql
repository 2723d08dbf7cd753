-- +goose Up

-- What numhook store check --repair moved away: events and quarantined deliveries that do not agree with their identity, or that cannot be understood. The row is
-- what was kept, column by column; what the sender wrote is hexadecimal in it. The program only writes here: look at it, and delete what is not needed any more.
CREATE TABLE numhook.damaged (
    id     bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    what   text   NOT NULL CHECK (what IN ('event', 'quarantine entry')),
    key    bigint NOT NULL, -- its seq or its id
    reason text   NOT NULL,
    moved  bigint NOT NULL,
    kept   json   NOT NULL
);
