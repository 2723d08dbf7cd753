package event

import "time"

// Activity is how often something happened within a minute, or an hour.
type Activity struct {
	At    time.Time // the beginning of the minute or the hour
	Name  string    // accepted, duplicate, challenge, HandedOn, Owed, or the kind of a refusal
	Count int64
}

// The names of what is counted besides the ends of deliveries.
const (
	HandedOn = "handed_on" // changes that a downstream confirmed
	Owed     = "owed"      // rows that wait or are under an attempt: the last count within a minute, the most in an hour
)
