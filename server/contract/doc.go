// Package contract says whether a body fits: it parses the body strictly, holds it against an OpenAPI 3.1 document, and
// tells what breaks the contract (violations), what the contract does not know (drift) and what the customs of the
// trade doubt (lint), each with its place in the body and in the document. The receiver and the command line use this
// one check, so they give one verdict.
//
// It guarantees:
//
//   - its verdicts are those of kin-openapi's stock path for OpenAPI 3.1, but for the classes that spec/DIVERGENCES.md
//     lists; tests hold the two together. Both evaluate JSON Schema by the same engine, santhosh-tekuri/jsonschema;
//     here a document is compiled once, by New, and what plainly fits is told without the engine;
//   - what is JSON is decided by jsontext, which also finds the byte where a body stops being it; over what it has
//     found right a flat tree is laid;
//   - a keyword that the check does not know is an error of New, never a silent pass;
//   - numbers are exact, of any length: no value goes through a floating-point number;
//   - time and memory are in proportion to the body, whatever is in it: nesting is bounded, tables take over from
//     comparing pairs, and pointers, lines and columns are worked out for the findings that are kept;
//   - no message quotes a value of the body, or the name of a member that the contract does not know. Pointers do hold
//     the body's member names.
//
// A body goes through it like this:
//
//	Parse -> Document, a flat tree over the bytes -> Malformed: is it one strict JSON value?
//	New   -> Contract, a schema per event         -> Check: findings, or Clean: is there none?
//	Document.Value: what is validated and handed on. Document.Canonical: what the event's identity is made of.
//
// The tree is laid in a walk of its own because jsontext's tokens cost more than both: read by tokens, "validate" took
// 0.76 s of processor time for 300,000 payloads, and now takes 0.72 s, where ajv takes 1.2 s (go build ./cmd/numhook;
// GOMAXPROCS=1 taskset -c 0 numhook validate payloads.ndjson, beside cmd/bench/testdata/ajv.mjs on the same core).
//
// The package is pure: it reads no file, keeps no state between bodies, and needs kin-openapi for the document alone.
package contract
