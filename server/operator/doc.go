// Package operator says who may look at what the receiver keeps and who may change it. It guarantees that a token is
// kept nowhere but with its owner: what the receiver has is its SHA-256, and what it writes down is its name.
package operator
