// Package server is the way in: it turns a POST of the sender into an acknowledged, durable event. It guarantees that a
// 200 for a delivery is written only after the store said that the event is on disk, that a signed delivery is never
// refused without being kept, and that whatever is our own trouble is answered 503, which is the only answer besides a
// connection failure that the sender tries again (at +5, +20 and +60 minutes, then never).
//
// # Life of a delivery
//
// takeIn walks these steps in this order; each is in the file of its name. What a crash (power cut, kill -9) leaves at
// each step stands in brackets.
//
//  1. body: what the headers alone tell (open, claim) is told before a byte is read; then at most MaxBody bytes are
//     read into memory, within the bounds of buffers.go, and given back however the delivery ends. Nothing reads the
//     socket after this. [Nothing kept, no answer: the sender tries again.]
//  2. verify: the signature over exactly these bytes, under any of the secrets. [The same.]
//  3. challenge: a verified endpoint.url_validation is answered here, and ends here. [The same.]
//  4. validate: one strict parse; the operation, by the path's last segment or by the body's event; the contract check;
//     then kin-openapi's request filter, whose validated value is the one that the handler is bound to. A delivery that
//     fails is put into quarantine and only then refused. [Either it is in quarantine, answered or not, or nothing is
//     kept and the sender tries again.]
//  5. receive: the generated router calls the method of the strict interface that belongs to the event; it says what
//     the event changes. [Nothing kept.]
//  6. append: the store takes the event, its changes and the numbers' new values into one durable transaction, and says
//     so. [All or nothing of it is kept. If all and the answer was lost, the sender tries again and gets 200 for the
//     event that is already there.]
//  7. answer: 200 with the event, in one place (accepted). [The sender may or may not know; a retry changes nothing.]
package server
