package event

import "time"

// AccessResult is what an access came to.
type AccessResult string

// The results of an access. A look is written once, before anything is shown. An action is written before it is begun
// and concluded before it is answered: one that stays begun was cut off, and may have taken effect.
//
//	look:   shown, none
//	action: begun -> done, none, refused, failed
const (
	AccessBegun   AccessResult = "begun"
	AccessShown   AccessResult = "shown"
	AccessDone    AccessResult = "done"
	AccessNone    AccessResult = "none"    // what was asked for is not there
	AccessRefused AccessResult = "refused" // it cannot be done to what stands so
	AccessFailed  AccessResult = "failed"  // trouble of ours
)

// Access is one look at personal data, or one action: who did it, as what, on what, and what came of it. It holds no
// value of a number. Its texts are kept as CutText.
type Access struct {
	ID     int64        `json:"id"`
	At     time.Time    `json:"at"`     // by the clock of whoever wrote it; UTC, kept to the microsecond
	Who    string       `json:"who"`    // the name of a token, or a user of the system
	Role   string       `json:"role"`   // what who came as
	From   string       `json:"from"`   // the address or the machine
	Action string       `json:"action"` // the verb: "numbers show", "deliveries retry"
	Object string       `json:"object"` // the one number, event, entry, downstream or row; empty for a list
	Detail string       `json:"detail"` // of a list and of an action what narrows it
	Result AccessResult `json:"result"`
}

// Cut is the access as it is kept.
func (a Access) Cut() Access {
	for _, text := range []*string{&a.Who, &a.Role, &a.From, &a.Action, &a.Object, &a.Detail} {
		*text = CutText(*text)
	}
	a.At = a.At.UTC().Truncate(time.Microsecond)
	return a
}

// AccessFilter narrows a list of accesses; zero values let everything pass.
type AccessFilter struct {
	Who    string
	Object string
}

// AccessResultOf is what an action came to that ended with the error.
func AccessResultOf(err error) AccessResult {
	if err == nil {
		return AccessDone
	}
	switch KindOf(err) {
	case NotFound:
		return AccessNone
	case Invalid:
		return AccessRefused
	}
	return AccessFailed
}
