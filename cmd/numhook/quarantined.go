package main

import (
	"context"
	"encoding/json"
	"regexp"

	"numhook/server/event"
)

// bodyHeld is the body of a quarantine entry, or nothing where it cannot be read: the entry is listed all the same.
func bodyHeld(ctx context.Context, from interface {
	QuarantineEntry(ctx context.Context, id int64) (event.Quarantined, error)
}, id int64) []byte {
	q, err := from.QuarantineEntry(ctx, id)
	if err != nil {
		return nil
	}
	return q.Delivery.Body
}

// What a body that is not JSON says all the same.
var (
	accountForm = regexp.MustCompile(`"account_id"\s*:\s*"([^"\\]{1,64})"`)
	numberForm  = regexp.MustCompile(`"(\+?[0-9]{7,15})"`)
)

// mostNamed is how many numbers a body that is not JSON is looked through for.
const mostNamed = 100

// namedIn reads the numbers and the account that the body names, as far as they can be read: it broke the contract.
func (q *quarantineShown) namedIn(body []byte) {
	var sent struct {
		Payload struct {
			AccountID json.RawMessage `json:"account_id"`
			Object    struct {
				Numbers json.RawMessage `json:"phone_numbers"`
			} `json:"object"`
		} `json:"payload"`
	}
	if json.Unmarshal(body, &sent) == nil {
		_ = json.Unmarshal(sent.Payload.AccountID, &q.AccountID) // what is no text names none
		var numbers []any
		_ = json.Unmarshal(sent.Payload.Object.Numbers, &numbers)
		for _, number := range numbers {
			if text, ok := number.(string); ok {
				q.Numbers = append(q.Numbers, text)
			}
		}
		if q.AccountID != "" || len(q.Numbers) > 0 {
			return
		}
	}
	if found := accountForm.FindSubmatch(body); found != nil {
		q.AccountID = string(found[1])
	}
	for _, found := range numberForm.FindAllSubmatch(body, mostNamed) {
		q.Numbers = append(q.Numbers, string(found[1]))
	}
}

// firstViolation is what an entry was refused for, in one line.
func firstViolation(q event.Quarantined) string {
	if len(q.Violations) == 0 {
		return "the contract has no such event: " + q.EventName
	}
	first := q.Violations[0]
	if first.Pointer == "" {
		return first.Message
	}
	return first.Pointer + " " + first.Message
}
