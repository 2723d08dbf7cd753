// Package senderlogtest is what the machine wrote from spec/sender-log.json: the sender's side of the log of
// deliveries, for tests alone. It guarantees that a test's sender answers what the document says. Nothing in it is
// edited by hand.
package senderlogtest

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config config.yaml ../../../spec/sender-log.json
