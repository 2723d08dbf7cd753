//go:build !race

package sqlite

const underRaceDetector = false
