// Package senderlog is what the machine wrote from spec/sender-log.json: the calls that are made to the sender for its
// log of deliveries, and what they answer. It guarantees that what is asked has the names that the document gives.
// Nothing in it is edited by hand.
package senderlog

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config config.yaml ../../spec/sender-log.json
