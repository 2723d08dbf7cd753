// Package downstream is what the machine wrote from spec/downstream.json: the envelope that downstreams get, and what
// each event makes of it. It guarantees that what is sent has the members that the document describes. Nothing in it
// is edited by hand.
package downstream

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config config.yaml ../../spec/downstream.json
