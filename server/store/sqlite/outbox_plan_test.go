package sqlite

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// Each question about the outbox is answered by looking something up, by an index that holds what it is asked for and
// nothing else.
func TestOutboxQueriesUseIndexes(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	db, err := sql.Open("sqlite", dsn(s.path, "rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		query string
		uses  []string
	}{
		{claimable, []string{"INDEX owed_open (downstream=? AND state=? AND behind=? AND due<?)"}},
		{readClaimed, []string{"INDEX owed_open (downstream=? AND state=? AND behind=? AND due<?)"}},
		{markClaimed, []string{"owed USING INTEGER PRIMARY KEY (rowid=?)"}},
		{nextDue, []string{"COVERING INDEX owed_open (downstream=? AND state=? AND behind=?)"}},
		{held, []string{"INDEX owed_open (downstream=? AND state=?)"}},
		{release, []string{"INTEGER PRIMARY KEY (rowid=?)", "INDEX owed_line (downstream=? AND number=?"}},
		{releaseAll, []string{"INDEX owed_open (downstream=? AND state=?)"}},
		{record, []string{"owed USING INTEGER PRIMARY KEY (rowid=?)", "INDEX owed_line (downstream=? AND number=?"}},
		{beginAgain, []string{"INDEX owed_line (downstream=? AND number=?"}},
		{stepBack, []string{"n USING INDEX owed_line (downstream=? AND number=?"}},
		{moveUp, []string{"n USING INDEX owed_line (downstream=? AND number=?", "b USING INDEX owed_line (downstream=? AND " +
			"number=?"}},
		{enqueuePending(mostPending), []string{"c EXISTS USING PRIMARY KEY (number=? AND attribute=? AND ordered_ts=? " +
			"AND seq=?)"}},
		{enqueueKnown, []string{"owed USING INDEX sqlite_autoindex_owed_1 (downstream=? AND number=? AND attribute=? " +
			"AND slot=?)"}},
		{forMany(enqueueEvent), []string{"b USING INDEX owed_line (downstream=? AND number=?"}},
		{forMany(passStep), []string{"n USING INDEX owed_line (downstream=? AND number=?", "owed USING INTEGER PRIMARY KEY " +
			"(rowid=?)"}},
		{statusQuery, []string{"o USING COVERING INDEX owed_open (downstream=? AND state=?)"}},
		{outboxByID, []string{"o USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"}},
		{outboxByNumber, []string{"o USING INDEX sqlite_autoindex_owed_1 (downstream=? AND number=?)"}},
		{outboxByState, []string{"o USING INDEX owed_open (downstream=? AND state=?)"}},
		{oneRow, []string{"o USING INTEGER PRIMARY KEY (rowid=?)"}},
		{newestMatching, []string{"e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"}},
		{pageOfMatching, []string{"e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"}},
		{newestAccesses, []string{"accesses USING INTEGER PRIMARY KEY (rowid<?)"}},
		{accessesOf, []string{"accesses USING INDEX accesses_who (who=? AND rowid<?)"}},
		{accessesTo, []string{"accesses USING INDEX accesses_object (object=? AND rowid<?)"}},
		{removeRows, []string{"owed USING COVERING INDEX", "owed USING INTEGER PRIMARY KEY (rowid=?)"}},
	} {
		args := make([]any, strings.Count(c.query, "?")) // those with numbers are fewer
		plan := planOf(t, db, c.query, args)
		for _, use := range c.uses {
			if !strings.Contains(plan, use) {
				t.Errorf("no %q in the plan of %s:\n%s", use, c.query, plan)
			}
		}
		for _, table := range []string{"owed", "o", "b", "n", "changes", "events", "accesses"} {
			if c.query != statusQuery && strings.Contains(plan, "TEMP B-TREE FOR LAST") {
				t.Errorf("many that are due at once are sorted by %s:\n%s", c.query, plan)
			}
			if strings.Contains(plan+"\n", "SCAN "+table+"\n") || strings.Contains(plan, "SCAN "+table+" ") {
				t.Errorf("the whole of %s is read by %s:\n%s", table, c.query, plan)
			}
		}
	}
}

// What every delivery waits for makes no table of its own on the way, which would take as long as all the rest.
func TestOutboxMakesNoTables(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	db, err := sql.Open("sqlite", dsn(s.path, "rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	queries := map[string]int{markClaimed: 2} // with the number of their parameters
	for _, size := range pendingSizes {
		queries[enqueuePending(size)] = 1 + 5*size
	}
	for query, args := range queries {
		rows, err := db.Query("EXPLAIN "+query, make([]any, args)...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		steps := 0
		for ; rows.Next(); steps++ {
			var opcode string
			var other any
			if err := rows.Scan(&other, &opcode, &other, &other, &other, &other, &other, &other); err != nil {
				t.Fatal(err)
			}
			if opcode == "OpenEphemeral" || opcode == "OpenAutoindex" {
				t.Errorf("%s in %s", opcode, query)
			}
		}
		if err := rows.Err(); err != nil || steps == 0 {
			t.Errorf("%d steps (%v)", steps, err)
		}
	}
}

func planOf(t *testing.T, db *sql.DB, query string, args []any) string {
	t.Helper()
	for len(args) > 0 {
		if rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...); err == nil {
			var lines []string
			for rows.Next() {
				var a, b, c int
				var detail string
				if err := rows.Scan(&a, &b, &c, &detail); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, detail)
			}
			err = errors.Join(rows.Err(), rows.Close())
			if err == nil {
				return strings.Join(lines, "\n")
			}
		}
		args = args[1:]
	}
	t.Fatalf("no number of arguments fits %s", query)
	return ""
}
