package postgres

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"numhook/server/event"
)

// work is one thing to write within the transaction of a batch.
type work interface{ join(b *batch) }

// batch is the works of one transaction, sorted by the statement that writes them. A writer uses one for all of its
// batches.
type batch struct {
	appends  []*appending
	redrives []*appending // those of appends that also end the stay of a quarantine entry
	repeated []*appending // redrives of an entry that another one of this batch redrives
	refusals map[sameness][]*quarantining
	order    []*quarantining // the first of each of the refusals
	facts    map[string]time.Time
	results  []*resultWork
	now      func() time.Time // the outbox since when; nil for the database's clock
	added    int              // events that had not been there
	woken    bool             // something became due
	unruly   bool             // the order of appends, in which they get their seqs, is not that of their keys

	events, entries, marks, names, outcomes *table
}

func newBatch() *batch {
	return &batch{
		events: newTable(storeTypes...), entries: newTable(quarantineTypes...), marks: newTable(typeBigint, typeBigint,
			typeBytea),
		names:    newTable(typeText, typeBigint),
		outcomes: newTable(resultTypes...),
		refusals: map[sameness][]*quarantining{}, facts: map[string]time.Time{},
	}
}

// gather takes the works in, and forgets those of the batch before. The rows are in the order of their keys, in which
// every writer locks them. Events are in the order of what they are ordered by, so that none is superseded by another
// one of its batch; where that is another one, the statement sorts them.
func (b *batch) gather(works []work) {
	clear(b.appends)
	clear(b.redrives)
	clear(b.repeated)
	clear(b.order)
	clear(b.results)
	clear(b.refusals)
	clear(b.facts)
	b.appends, b.redrives, b.repeated, b.order, b.results = b.appends[:0], b.redrives[:0], b.repeated[:0], b.order[:0],
		b.results[:0]
	b.added, b.woken, b.unruly = 0, false, false
	for _, t := range []*table{b.events, b.entries, b.marks, b.names, b.outcomes} {
		t.reset()
	}
	for _, w := range works {
		w.join(b)
	}
	slices.SortFunc(b.order, func(p, q *quarantining) int {
		return cmp.Or(bytes.Compare(p.digest[:], q.digest[:]), strings.Compare(p.entry.PathEvent, q.entry.PathEvent))
	})
	for _, first := range b.order {
		first.add(b.entries, len(b.refusals[first.sameness()]))
	}
	slices.SortFunc(b.appends, func(p, q *appending) int {
		return cmp.Or(cmp.Compare(p.ordered, q.ordered), cmp.Compare(p.event.TS, q.event.TS),
			bytes.Compare(p.event.ID[:], q.event.ID[:]))
	})
	for _, a := range b.appends {
		a.add(b.events)
		b.unruly = b.unruly || a.ordered != a.event.TS
	}
	for _, a := range b.redrives {
		b.marks.columns[0].bigint(a.redrives)
		b.marks.columns[1].bigint(a.event.TS)
		b.marks.columns[2].bytes(a.event.ID[:])
	}
	for _, name := range slices.Sorted(maps.Keys(b.facts)) {
		b.names.columns[0].text(name)
		b.names.columns[1].bigint(b.facts[name].UnixMicro())
	}
}

func (a *appending) join(b *batch) {
	a.receipt, a.refusal = event.Receipt{ID: a.event.ID}, nil // an attempt before this one may have left its own
	if a.redrives != 0 {
		for _, other := range b.redrives {
			if other.redrives == a.redrives {
				b.repeated = append(b.repeated, a)
				return
			}
		}
		b.redrives = append(b.redrives, a)
	}
	b.appends = append(b.appends, a)
}

func (q *quarantining) join(b *batch) {
	same := q.sameness()
	if b.refusals[same] == nil {
		b.order = append(b.order, q)
	}
	b.refusals[same] = append(b.refusals[same], q)
}

// fact is a single time to be kept under a name.
type fact struct {
	name string
	at   time.Time
}

func (f fact) join(b *batch) { b.facts[f.name] = f.at }

// errAnswer: the server did not answer what the statement asks for.
var errAnswer = errors.New("the database answered something else than it was asked")

// ask queues the statements of the batch.
func (b *batch) ask(trip *roundTrip) {
	trip.ask(sayBegin, nil, nil)
	if len(b.results) > 0 { // they have a writer to themselves
		b.askRecord(trip)
		trip.ask(sayCommit, nil, nil)
		return
	}
	trip.ask(saySeqLock, nil, nil)
	if len(b.redrives) > 0 {
		trip.ask(sayHold, [][]byte{b.marks.columns[0].parameter()}, nil)
	}
	if len(b.order) > 0 {
		trip.ask(sayQuarantine, b.entries.parameters(), b.quarantined())
	}
	switch {
	case len(b.redrives) > 0 || b.unruly:
		trip.ask(sayStoreWith, append(b.events.parameters(), b.clock()), b.stored())
	case len(b.appends) > 0:
		trip.ask(sayStore, append(b.events.parameters(), b.clock()), b.stored())
	}
	if len(b.redrives) > 0 {
		trip.ask(sayRedriven, b.marks.parameters(), nil)
		trip.ask(sayReport, [][]byte{b.marks.columns[0].parameter()}, b.reported())
	}
	if len(b.facts) > 0 {
		trip.ask(sayFact, b.names.parameters(), nil)
	}
	trip.ask(sayCommit, nil, nil)
}

// wrote reports whether the transaction changed anything. The commit of one that did not has waited for no disk and no
// standby.
func (b *batch) wrote() bool { return b.added+len(b.order)+len(b.facts)+len(b.results) > 0 }

// clock is the time of what the batch enqueues, as a parameter; nil is NULL.
func (b *batch) clock() []byte {
	if b.now == nil {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64(b.now().UnixMicro()))
}

// stored takes (position in the batch, added, whether the batch made anything due) of each event.
func (b *batch) stored() *answer {
	return &answer{rows: len(b.appends), row: func(values [][]byte) error {
		if len(values) != 3 || len(values[0]) != 8 || len(values[1]) != 1 || len(values[2]) != 1 {
			return errAnswer
		}
		b.woken = b.woken || values[2][0] != 0
		position := binary.BigEndian.Uint64(values[0])
		if position < 1 || position > uint64(len(b.appends)) {
			return errAnswer
		}
		if b.appends[position-1].receipt.Duplicate = values[1][0] == 0; !b.appends[position-1].receipt.Duplicate {
			b.added++
		}
		return nil
	}}
}

// reported takes the id of the event that each entry was redriven as, in the order of redrives; NULL where there is no
// such entry.
func (b *batch) reported() *answer {
	next := 0
	return &answer{rows: len(b.redrives), row: func(values [][]byte) error {
		if next == len(b.redrives) || len(values) != 1 {
			return errAnswer
		}
		var as *event.ID
		if values[0] != nil {
			if len(values[0]) != len(event.ID{}) {
				return errAnswer
			}
			as = new(event.ID)
			copy(as[:], values[0])
		}
		redriven := b.redrives[next]
		redriven.settle(as)
		for _, again := range b.repeated {
			if again.redrives == redriven.redrives {
				again.settle(as)
				again.receipt.Duplicate = true
			}
		}
		next++
		return nil
	}}
}

// quarantined takes (id, digest, path_event) of each entry.
func (b *batch) quarantined() *answer {
	return &answer{rows: len(b.order), row: func(values [][]byte) error {
		var same sameness
		if len(values) != 3 || len(values[0]) != 8 || len(values[1]) != len(same.digest) {
			return errAnswer
		}
		copy(same.digest[:], values[1])
		same.pathEvent = string(values[2])
		entries := b.refusals[same]
		if entries == nil {
			return errAnswer
		}
		for _, q := range entries {
			q.id = int64(binary.BigEndian.Uint64(values[0]))
		}
		return nil
	}}
}
