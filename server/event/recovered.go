package event

// Recovered is what became of a delivery that was found in the sender's log.
type Recovered string

// What can become of one.
const (
	RecoveredNew     Recovered = "new"        // stored
	RecoveredKnown   Recovered = "known"      // its event was stored before
	RecoveredRefused Recovered = "refused"    // it breaks the contract, and was kept in quarantine
	RecoveredHeld    Recovered = "quarantine" // it was kept in quarantine before
)
