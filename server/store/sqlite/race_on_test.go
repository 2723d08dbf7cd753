//go:build race

package sqlite

// The race detector's own code dies of a fault in shared memory, which the driver otherwise turns into an error.
const underRaceDetector = true
