package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"numhook/server/event"
)

const (
	registry = `SELECT id, name, mode, events, carrier_codes, countries, prefixes FROM downstreams ORDER BY id`

	register = `INSERT INTO downstreams (name, mode, start, events, carrier_codes, countries, prefixes, registered, filled)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?3 = 'now')
		ON CONFLICT (name) DO UPDATE SET events = ?4, carrier_codes = ?5, countries = ?6, prefixes = ?7`

	removeRows = `DELETE FROM owed WHERE id IN (SELECT id FROM owed WHERE downstream = (SELECT id FROM downstreams ` +
		`WHERE name = ?1) LIMIT ?2)`
	removedRows = 1000 // in one transaction: some ten milliseconds, in which no delivery gets in
)

// registered is a downstream as the writer knows it, without its Start.
type registered struct {
	registration
	event.Downstream
}

// registration is a row of downstreams, as far as it decides the outbox.
type registration struct {
	id                                                int64
	name, mode, events, carriers, countries, prefixes string
}

func (r registration) parse() (*registered, error) {
	d := &registered{r, event.Downstream{Name: r.name, Mode: event.Mode(r.mode)}}
	err := errors.Join(jsonColumn{&d.Events}.Scan(r.events), jsonColumn{&d.Only.CarrierCodes}.Scan(r.carriers),
		jsonColumn{&d.Only.Countries}.Scan(r.countries),
		jsonColumn{&d.Only.Prefixes}.Scan(r.prefixes))
	return d, err
}

// downstreams are all that are registered: read once in a transaction, for another process may have changed them since
// the last one.
func (w *session) downstreams(ctx context.Context) ([]*registered, error) {
	if w.looked {
		return w.registry, nil
	}
	rows, err := w.readRegistry.QueryContext(ctx)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*registered
	for rows.Next() {
		var r registration
		if err := rows.Scan(&r.id, &r.name, &r.mode, &r.events, &r.carriers, &r.countries, &r.prefixes); err != nil {
			return nil, err
		}
		var d *registered
		if i := len(list); i < len(w.registry) && w.registry[i].registration == r {
			d = w.registry[i]
		} else if d, err = r.parse(); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	w.registry, w.looked = list, true
	return list, rows.Err()
}

// downstream is the one of the name, or nil.
func (w *session) downstream(ctx context.Context, name string) (*registered, error) {
	list, err := w.downstreams(ctx)
	for _, d := range list {
		if d.Name == name {
			return d, err
		}
	}
	return nil, err
}

func noDownstream(verb, name string) error {
	return &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot %s downstream %s: there is none of that name",
		verb, name)}
}

// registering makes a downstream known.
type registering struct {
	attempt
	name, mode, start string
	lists             []any
}

func newRegistering(d event.Downstream) (*registering, error) {
	switch {
	case d.Name == "":
		return nil, refused("register downstream", "it has no name")
	case d.Mode != event.Latest && d.Mode != event.Every:
		return nil, refused("register downstream", "the store does not know the mode "+string(d.Mode))
	case d.Start != event.FromNow && d.Start != event.FromBeginning && d.Start != event.FromSnapshot:
		return nil, refused("register downstream", "the store does not know the start "+string(d.Start))
	}
	r := &registering{name: d.Name, mode: string(d.Mode), start: string(d.Start)}
	for _, list := range []any{d.Events, d.Only.CarrierCodes, d.Only.Countries, d.Only.Prefixes} {
		text, err := json.Marshal(list)
		if err != nil {
			return nil, refused("register downstream", err.Error())
		}
		if string(text) == "null" {
			text = []byte("[]")
		}
		r.lists = append(r.lists, string(text))
	}
	return r, nil
}

func (r *registering) write(ctx context.Context, w *session) error {
	d, err := w.downstream(ctx, r.name)
	if err != nil {
		return err
	}
	if d != nil && d.mode != r.mode {
		r.refusal = &event.Error{Kind: event.Invalid,
			Text: fmt.Sprintf("cannot register downstream %s in mode %s: it is known in mode %s", r.name, r.mode, d.mode),
			Hint: "forget it and what it is owed with numhook downstreams remove " + r.name +
				", or give the new one another name"}
		return nil
	}
	args := append([]any{r.name, r.mode, r.start}, r.lists...)
	r.changed = true
	w.looked = false
	_, err = w.register.ExecContext(ctx, append(args, w.now())...)
	return err
}

// altering is one change to the row of a downstream, which must be there.
type altering struct {
	attempt
	verb, downstream string
	alter            func(w *session) *sql.Stmt // takes the name, and then args
	args             []any
	frees            bool // what is enqueued for it may be claimed from now on
}

func (a *altering) write(ctx context.Context, w *session) error {
	result, err := a.alter(w).ExecContext(ctx, append([]any{a.downstream}, a.args...)...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if a.changed = n > 0; !a.changed {
		a.refusal = noDownstream(a.verb, a.downstream)
	}
	w.due = w.due || a.changed && a.frees
	return err
}

// pausing keeps since when it was paused that is paused already.
type pausing struct{ altering }

func (p *pausing) write(ctx context.Context, w *session) error {
	p.args[1] = w.now()
	return p.altering.write(ctx, w)
}

// removing takes rows of the outbox of a downstream away, and the downstream when there are no more. Until then nothing
// is claimed for it.
type removing struct {
	attempt
	downstream string
	why        string
	done       bool
}

func (r *removing) write(ctx context.Context, w *session) error {
	d, err := w.downstream(ctx, r.downstream)
	if err != nil {
		return err
	}
	if d == nil {
		r.refusal = noDownstream("remove", r.downstream)
		return nil
	}
	r.changed = true
	result, err := w.removeRows.ExecContext(ctx, r.downstream, removedRows)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if r.done = n < removedRows; r.done {
		w.looked = false
		_, err = w.remove.ExecContext(ctx, r.downstream)
		return err
	}
	_, err = w.pause.ExecContext(ctx, r.downstream, r.why, w.now())
	return err
}
