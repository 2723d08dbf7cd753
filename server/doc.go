// Package server is the way in: it turns a POST of the sender into an acknowledged, durable event. It guarantees that a
// 200 for a delivery is written only after the store said that the event is on disk, that a signed delivery is never
// refused without being kept, and that whatever is our own trouble is answered 503, which is the only answer besides a
// connection failure that the sender tries again (at +5, +20 and +60 minutes, then never).
//
// # Life of a delivery
//
// intake walks these steps in this order. Each is a function from values to values in the file of its name; intake.go
// is the only file that knows echo. What a crash (power cut, kill -9) leaves at each step stands in brackets.
//
//  1. body: what the headers alone tell (open, claimOf) is told before a byte is read. Then readBody reads at most
//     MaxBody bytes into memory, within the bounds of buffers.go, and intake gives them back however the delivery ends.
//     Nothing reads the socket after this. [Nothing kept, no answer: the sender tries again.]
//  2. verify: the signature over exactly these bytes, under any of the secrets. [The same.]
//  3. challenge: a verified endpoint.url_validation is answered here, and ends here. [The same.]
//  4. validate: on the one strict parse of the body, the operation, by the path's last segment or by the body's event;
//     the contract's check; then kin-openapi's request filter, and its visit of the schema. The value that it visited
//     is the value that the handler gets. What fails is kept by step 8 before it is refused. [Nothing kept.]
//  5. receive: route finds the generated code of the operation, which binds the value and calls the method of the
//     strict interface; that says what the event changes, and nothing else. [Nothing kept.]
//  6. append: settle, which stands around each of these methods, has the store take the event, its changes and the
//     numbers' new values into one durable transaction. [All or nothing of it is kept. If all and the answer was lost,
//     the sender tries again and gets 200 for the event that is already there.]
//  7. answer: 200 with the event, in one place (reading.accepted), which takes the store's receipt. [The sender may or
//     may not know; a retry changes nothing.]
//  8. quarantine: a signed delivery that failed in step 4 or 5 is kept, and only then refused (problem.go). [Either it
//     is in quarantine, answered or not, or nothing is kept and the sender tries again.]
//
// redrive takes a delivery out of quarantine through steps 4 to 6, with nobody to answer. However a delivery ends, it
// gets one line in the log (accesslog.go) and its place in the metrics.
package server
