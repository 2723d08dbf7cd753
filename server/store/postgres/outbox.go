package postgres

// What the statements that enqueue something have in common. In them d is a downstream, m is what an event says about a
// number (number, name, carrier_code, country, ...), o is a row of the outbox that is there, and excluded one that
// would be.
const (
	// wanted is event.Downstream.Wants.
	wanted = `(d.events IS NULL OR m.name = ANY (d.events))`

	// begins and valued are event.Only.Passes: what it asks of the number, which is the same for all that is said about
	// one, and of what is said.
	begins = `(d.prefixes IS NULL OR EXISTS (SELECT FROM unnest(d.prefixes) AS p (prefix) WHERE substr(m.number, 1, ` +
		`length(p.prefix)) = p.prefix))`
	valued = `(d.carrier_codes IS NULL OR m.carrier_code = ANY (d.carrier_codes)) AND (d.countries IS NULL OR m.country ` +
		`IS NULL OR m.country = ANY (d.countries))`

	// clock ends an expression of the time by which everything is enqueued and due, in microseconds since the epoch:
	// coalesce(, a parameter, and this. It is what the parameter says, or else the database's own, so that no two
	// receivers' clocks are ever compared.
	clock = `::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) AS now`

	// newer holds, by what versions are ordered by (event.Ordered), which is the event_ts of a row of the outbox, for a
	// version that the row does not have yet.
	newer = `(excluded.event_ts, excluded.seq) > (o.event_ts, o.seq)`

	// begin has a row start again, with the newest version that is known. One that is attempting stays so, under its
	// claim, and waits for its turn.
	begin = `event_ts = CASE WHEN ` + newer + ` THEN excluded.event_ts ELSE o.event_ts END, seq = CASE WHEN ` + newer +
		` THEN excluded.seq ELSE o.seq END,
		state = CASE o.state WHEN 'attempting' THEN o.state WHEN 'untold' THEN excluded.state ELSE 'waiting' END,
		since = CASE WHEN o.state IN ('waiting', 'attempting') THEN o.since ELSE excluded.since END,
		due = CASE o.state WHEN 'waiting' THEN least(o.due, excluded.due) ELSE excluded.due END, tries = 0`

	// late holds for a value that passes, which came before one that did not, and was overtaken by it in another
	// transaction.
	late = `o.state = 'untold' AND excluded.state = 'waiting' AND excluded.seq < o.seq`

	// inOrder is the order in which every transaction takes the locks of the rows that others may want, too: so there are
	// no deadlocks.
	inOrder = `ORDER BY downstream, number, attribute, slot`
)

// outboxColumns writes what the events that a store statement has added enqueue, to every downstream, and answers which
// rows are waiting. It stands among storing's parts. $17 and $18 are what the events say about numbers: the number,
// NULL for an event that has none, and the event's position in the batch.
//
// In mode every each is a row of its own. In mode latest those are left out that are older than what is stored already,
// and the newest of the rest is taken for each subject. A value that does not pass is enqueued when the subject has a
// row; where its number passes, the row that tells so is its own, an untold one. The search for what is there is a
// subquery that looks for one row: a join, or EXISTS, would make a hash table of all there is. And a batch's seqs grow
// with what its events are ordered by, so none of its changes is superseded by another one of it.
//
// Without a downstream nothing of it is run. With one, the sort comes after all events were added: whoever waits for a
// row holds all of its events already.
const outboxColumns = `INSERT INTO numhook.owed AS o (downstream, number, attribute, slot, event_ts, seq, state, due,
	since)
	SELECT DISTINCT ON (s.downstream, s.number, s.attribute, s.slot) s.downstream, s.number, s.attribute, s.slot,
		s.event_ts, s.seq,
		(CASE WHEN bool_or(s.passes) OVER (PARTITION BY s.downstream, s.number, s.attribute, s.slot
			ORDER BY s.event_ts DESC, s.seq DESC
			ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) THEN 'waiting' ELSE 'untold' END)::numhook.owed_state,
		(SELECT now FROM clock), (SELECT now FROM clock)
	FROM (
		SELECT d.id AS downstream, d.mode, m.number, m.attribute, CASE d.mode WHEN 'every' THEN m.seq
			ELSE 0 END AS slot, m.event_ts, m.seq, m.sets,
			` + begins + ` AS begins, ` + begins + ` AND ` + valued + ` AS passes
		FROM numhook.downstreams d CROSS JOIN (
			SELECT coalesce(n.number, '') AS number, coalesce(i.attribute, '') AS attribute, i.ordered_ts AS event_ts, i.seq,
				i.name, i.carrier_code, i.country,
				n.number IS NOT NULL AND i.attribute IS NOT NULL AND i.value IS NOT NULL AS sets
			FROM unnest($17::bytea[], $18::bigint[]) AS n (number, ord) JOIN incoming i ON i.ord = n.ord
				JOIN added a ON a.seq = i.seq
		) m
		WHERE EXISTS (SELECT FROM numhook.downstreams) AND d.name IS NOT NULL AND ` + wanted + `
	) s
	WHERE CASE s.mode WHEN 'every' THEN s.passes ELSE s.sets
		AND (s.begins OR (SELECT o.id FROM numhook.owed o
			WHERE o.downstream = s.downstream AND o.number = s.number AND o.attribute = s.attribute AND o.slot = 0) IS NOT NULL)
		AND s.event_ts >= coalesce((SELECT c.ordered_ts FROM numhook.changes c
			WHERE c.number = s.number AND c.attribute = s.attribute::numhook.attribute ORDER BY c.ordered_ts DESC
				LIMIT 1), s.event_ts) END
	ORDER BY s.downstream, s.number, s.attribute, s.slot, s.event_ts DESC, s.seq DESC
	ON CONFLICT (downstream, number, attribute, slot) DO UPDATE SET ` + begin + ` WHERE ` + newer + ` OR ` + late + `
	RETURNING o.state = 'waiting' AS woken`
