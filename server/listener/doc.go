// Package listener keeps connections. It guarantees that strangers cannot crowd out the sender: the number of
// connections has a bound, whoever never sent a signed delivery goes first when it is reached, and accepting never
// waits for that. And it sees what fails below the handler, where net/http answers by itself or not at all: a
// handshake, a header, a PROXY header, each counted by kind.
//
// A connection is a stranger's until it carries a signed delivery (Signed) or comes from a trusted proxy; from then on
// it is kept. Of all connections, the ones that are let go to make room for a new one are, in this order:
//
//  1. strangers that are idle, the longest idle first;
//  2. strangers whose upload is large, the longest under way first;
//  3. other strangers with a request under way, likewise;
//  4. kept ones that are idle;
//  5. a trusted proxy's that have a request under way and never carried a signed delivery.
//
// Of 1, 3 and 5, whoever came to that within the last Grace is left alone, so that a sender who has just connected is
// verified before the next stranger comes. A signed delivery that is under way is never let go. When there is nothing
// else, the new connection is.
package listener
