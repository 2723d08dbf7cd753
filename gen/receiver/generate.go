// Package receiver is what the machine wrote from spec/receiver.json: the bodies of the events, the routes, and the
// strict interface with one method for each event. It guarantees that a server which lacks an event of the document
// does not compile. Nothing in it is edited by hand.
package receiver

// The two steps stand in one place because the second reads what the first writes.
//go:generate go run ../../spec/compose/cmd -document ../../spec/number-management.json -overlay ../../spec/overlay.yaml -output ../../spec/receiver.json
//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config config.yaml ../../spec/receiver.json
