// Package operator is the operators' API: it fills the calls of spec/operator.json, and says who may look at what the
// receiver keeps and who may change it.
//
// It guarantees that
//
//  1. nothing is answered to whoever has no token, and nothing but what the document's x-role of a call and of its
//     parameters allows to the token's role;
//  2. a token is kept nowhere but with its owner: what the receiver has is its SHA-256, and what it writes down is its
//     name;
//  3. personal data is answered, and an action begun, only after the store has an access that says so: event.Access;
//  4. a viewer gets no value, no whole number, and nothing that the sender wrote freely.
package operator
