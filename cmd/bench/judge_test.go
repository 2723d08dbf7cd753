package bench

import (
	"fmt"
	"strconv"
)

const (
	timesFaster = 30   // than stock, the contract check
	mostAllocs  = 100  // of the contract check
	timesPlain  = 5    // the plain receiver's deliveries accepted in a second
	timesSingle = 2.5  // the appends of one transaction each
	timesThree  = 3    // the same, of three stores on one database
	keptAppends = 0.65 // of the appends to a store of 10,000 events, with 1,000,000 there
	mostRSS     = 100  // MiB
	timesAJV    = 2    // ajv's payloads in a second
	smallMS     = 50   // milliseconds for a small file, start-up included
	mostGrowth  = 5    // MiB between the second and the last third of the watch on memory
	keptWayIn   = 0.8  // of the deliveries accepted in a second, while a receiver hands on
	keptFour    = 0.95 // of what four downstreams get in a second, when a fifth is dead; the machine's noise is the rest
	firstMS     = 1000 // milliseconds from the start of a process to the first change handed on
	keptRate    = 0.98 // of what the binary of before accepts or hands on in a second
	mostCurve   = 10   // MiB between a store of 10,000 events and one of 1,000,000

	mostCPUToBefore = 1.02 // of the processor time of the binary of before, for one delivery or one attempt
	mostP99         = 15   // milliseconds of a delivery at 64 connections
	mostP99ToBefore = 1.1  // of its p99, which differs more from turn to turn
)

// judge holds the rows against the figures to reach, as far as their parts ran.
func (r *report) judge(events []int64) {
	r.judgeReceiver()
	r.judgeStores()
	for _, engine := range []string{"sqlite", "postgres"} {
		r.judgeCurve(engine, events)
	}
	r.judgeWayOut()
	r.judgeValidate()
	r.judgeMemory()
}

func (r *report) judgeWayOut() {
	if both := r.row(outBoth); both != nil {
		r.atLeast(outBoth+", accepted/s to none", keptWayIn, both.Ratio, "x")
	}
	for _, what := range []string{outOneDead, outOneStuck} {
		if four := r.row(what); four != nil {
			r.atLeast(what+", to all alive", keptFour, four.Ratio, "x")
		}
	}
	if first := r.row(outFirst); first != nil {
		r.atMost(outFirst, firstMS, first.P50, " ms")
	}
	if all := r.row(outAll); all != nil && all.RSS > 0 {
		r.atMost(outAll+", peak memory", mostRSS, all.RSS, " MiB")
	}
}

func (r *report) atLeast(what string, limit, got float64, unit string) {
	r.Aims = append(r.Aims, aim{what, fmt.Sprintf("at least %g%s", limit, unit), figure(got) + unit, got >= limit})
}

func (r *report) atMost(what string, limit, got float64, unit string) {
	r.Aims = append(r.Aims, aim{what, fmt.Sprintf("at most %g%s", limit, unit), figure(got) + unit, got <= limit})
}

func (r *report) judgeReceiver() {
	if own := r.row(ownCheck); own != nil {
		r.atLeast(ownCheck+", to stock", timesFaster, own.Ratio, "x")
		r.atMost(ownCheck+", allocations", mostAllocs, own.Allocs, "")
	}
	if own, plain := r.row(ownReceiver), r.row(plainReceiver); own != nil && plain != nil {
		r.atLeast(ownReceiver+", accepted/s to plain", timesPlain, own.Ratio, "x")
		r.atMost(ownReceiver+", p99 to plain's", 1, own.P99/plain.P99, "x")
		if own.RSS > 0 {
			r.atMost(ownReceiver+", peak memory", mostRSS, own.RSS, " MiB")
		}
	}
}

func (r *report) judgeStores() {
	for _, held := range []struct {
		what, against string
		times         float64
	}{{ownStore, singleStore, timesSingle}, {postgresStore, postgresSingle, timesSingle},
		{postgresThree, postgresSingle, timesThree}} {
		if own, single := r.row(held.what), r.row(held.against); own != nil && single != nil {
			r.atLeast(held.what+", to one transaction each", held.times, own.Ratio, "x")
			r.atMost(held.what+", p99 to one transaction each", 1, own.P99/single.P99, "x")
		}
	}
}

func (r *report) judgeCurve(engine string, events []int64) {
	few := r.row(storedRow(engine, events[0]))
	if few == nil {
		return
	}
	for _, many := range events[1:] {
		what := storedRow(engine, many)
		full := r.row(what)
		r.atLeast(what+", appends/s to "+strconv.FormatInt(events[0], 10), keptAppends, full.Ratio, "x")
		r.atMost(what+", growth of memory", mostCurve, full.RSS-few.RSS, " MiB")
	}
}

func (r *report) judgeValidate() {
	for _, what := range []string{ownOne, ownTwo} {
		if own := r.row(what); own != nil && own.Ratio > 0 {
			r.atLeast(what+", to ajv", timesAJV, own.Ratio, "x")
			r.atMost(what+", peak memory", mostRSS, own.RSS, " MiB")
		}
	}
	if small := r.row(smallFile); small != nil {
		r.atMost(smallFile, smallMS, small.P50, " ms")
	}
}

func (r *report) judgeMemory() {
	if watched := r.row(soak); watched != nil && watched.RSS > 0 {
		r.atMost(soak+", peak memory", mostRSS, watched.RSS, " MiB")
		r.atMost(soak+", growth of memory", mostGrowth, growth(r.Memory), " MiB")
	}
}
