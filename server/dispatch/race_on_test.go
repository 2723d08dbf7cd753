//go:build race

package dispatch

// slower is by how much fewer histories are run under the race detector.
const slower = 10
