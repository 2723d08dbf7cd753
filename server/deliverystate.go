package server

import (
	"time"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// deliveryState is how far one delivery has come: what the steps found, for the next step, the log line and the
// metrics. It belongs to the goroutine that serves the delivery.
type deliveryState struct {
	began    time.Time
	claim    signature.Claim // what its headers say of its signature
	delivery event.Delivery
	verified bool // the sender signed it
	document *contract.Document
	redrives int64 // the quarantine entry that it comes out of, or 0
	found    bool  // in the sender's log

	challenge bool // it is one, and a good one
	valid     validated
	receipt   *event.Receipt
	numbers   int
	unsent    bool // its answer could not be written
}
