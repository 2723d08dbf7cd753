package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"numhook/server/event"
	"numhook/server/store"
)

// scriptedOutbox does to the script's store what a receiver with downstreams does, beside the receiver that runs:
//
//	outbox register NAME MODE [START]     makes a downstream known
//	outbox claim NAME                     claims all that is due
//	outbox confirm NAME                   confirms all that is claimed for it, and all that is due then
//	outbox record ID confirmed            ends the attempt of a claimed row
//	outbox record ID refused REASON       likewise
//	outbox record ID retry AFTER REASON   likewise
func scriptedOutbox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: owing register|claim|record")
	}
	path, _ := strings.CutPrefix(ts.Getenv("NUMHOOK_STORE"), "sqlite:")
	ctx := context.Background()
	s, err := openOperator(ctx, "sqlite:"+ts.MkAbs(path))
	ts.Check(err)
	defer func() { ts.Check(s.Close()) }()
	claimed := ts.Value(claimedKey{}).(map[string]event.Attempt)
	switch args[0] {
	case "register":
		d := event.Downstream{Name: args[1], Mode: event.Mode(args[2]), Start: event.FromNow}
		if len(args) > 3 {
			d.Start = event.Start(args[3])
		}
		_, err := s.Register(ctx, d)
		ts.Check(err)
	case "claim":
		ts.Logf("%d rows are claimed", claimRows(ts, s, args[1]))
	case "confirm":
		for more := true; more; more = claimRows(ts, s, args[1]) > 0 {
			for row, a := range claimed {
				if a.Downstream == args[1] {
					_, err := s.Record(ctx, event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: event.Confirmed})
					ts.Check(err)
					delete(claimed, row)
				}
			}
		}
	case "record":
		a := claimed[args[1]]
		result := event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: event.Verdict(args[2])}
		if rest := args[3:]; len(rest) > 0 {
			result.Reason = rest[len(rest)-1]
			if len(rest) > 1 {
				result.After, err = time.ParseDuration(rest[0])
				ts.Check(err)
			}
		}
		held, err := s.Record(ctx, result)
		ts.Check(err)
		if !held {
			ts.Fatalf("row %s is not under its claim", args[1])
		}
	default:
		ts.Fatalf("owing %s is not known", args[0])
	}
}

// claimRows claims what is due, and returns how many rows that were.
func claimRows(ts *testscript.TestScript, s store.Outbox, downstream string) int {
	attempts, _, err := s.Claim(context.Background(), downstream, page)
	ts.Check(err)
	for _, a := range attempts {
		ts.Value(claimedKey{}).(map[string]event.Attempt)[strconv.FormatInt(a.Row, 10)] = a
	}
	return len(attempts)
}

type claimedKey struct{}
