// Package operator is what the machine wrote from spec/operator.json: the bodies of the operator's API, the routes, the
// strict interface with one method for each call, and a client. It guarantees that a server which lacks a call of the
// document does not compile. Nothing in it is edited by hand.
package operator

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config config.yaml ../../spec/operator.json
