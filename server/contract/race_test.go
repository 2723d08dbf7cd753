//go:build race

package contract

// underRace: the race detector makes everything some ten times slower, so the tests that compare many bodies take
// fewer.
const underRace = true
