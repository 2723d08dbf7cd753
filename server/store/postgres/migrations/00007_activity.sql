-- +goose Up

-- How often something happened within a minute, for charts; after a week within an hour. Times are microseconds since the epoch, of the beginning.
CREATE TABLE numhook.activity (
    at    bigint NOT NULL,
    name  text   NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (at, name)
);
