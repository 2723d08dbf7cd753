package bench

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// connectionRow is the row of so many connections to so many receivers.
func connectionRow(engine string, receivers, connections int) string {
	switch {
	case receivers == 1 && connections == 1:
		return "receiver on " + engine + ", 1 connection"
	case receivers == 1:
		return fmt.Sprintf("receiver on %s, %d connections", engine, connections)
	}
	return fmt.Sprintf("%d receivers on %s, %d connections", receivers, engine, connections)
}

// fleet is receivers on one store.
type fleet struct {
	processes []*process
	answered  int64
}

// connectionsOnSQLite loads one receiver with few and with many connections.
func (b *bench) connectionsOnSQLite(t *testing.T) {
	own := &fleet{processes: []*process{b.startOwn(t)}}
	b.openConnections(t, "sqlite", own, nil)
	requireStored(t, filepath.Join(own.processes[0].command.Dir, ownDatabase), own.answered)
}

// connectionsOnPostgres does the same on PostgreSQL, and loads three receivers on one database.
func (b *bench) connectionsOnPostgres(t *testing.T) {
	one, three := b.database(t), b.database(t)
	own, many := &fleet{processes: []*process{b.startOn(t, one)}}, &fleet{}
	for range 3 {
		many.processes = append(many.processes, b.startOn(t, three))
	}
	b.openConnections(t, "postgres", own, many)
	requireInDatabase(t, one, own.answered)
	requireInDatabase(t, three, many.answered)
}

// openConnections loads a receiver with each number of connections in turn, and the fleet, if there is one, with the
// usual number. Then it stops them.
func (b *bench) openConnections(t *testing.T, engine string, own, many *fleet) {
	type listening struct {
		of          *fleet
		connections int
	}
	var listenings []listening
	for _, connections := range b.connectionCounts {
		listenings = append(listenings, listening{own, connections})
	}
	if many != nil {
		listenings = append(listenings, listening{many, b.connections})
	}
	seen, turns := make([]measured, len(listenings)), make([][]float64, len(listenings))
	b.turns(len(listenings), func(i int) {
		d := listenings[i]
		got := b.load(t, d.connections, min(b.warm, time.Second), b.glance, d.of.processes...)
		d.of.answered += got.answered
		seen[i].merge(got)
		turns[i] = append(turns[i], got.row("", "").PerSecond)
	})
	for i, d := range listenings {
		line := seen[i].row("connections", connectionRow(engine, len(d.of.processes), d.connections))
		line.Turns = turns[i]
		b.report.add(line, connectionRow(engine, 1, b.connectionCounts[0]))
	}
	for _, f := range []*fleet{own, many} {
		if f == nil {
			continue
		}
		for _, p := range f.processes {
			p.stop(t)
		}
	}
}
