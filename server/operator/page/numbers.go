package page

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	gen "numhook/gen/operator"
)

type numbers struct {
	Query, Account, Attribute string
	Unconfirmed               bool
	Table                     *table
}

func (v *visit) numbers() error {
	n := numbers{Query: v.asked("q"), Account: strings.TrimSpace(v.asked("account")), Attribute: v.asked("attribute"),
		Unconfirmed: v.asked("unconfirmed") != "",
		Table: &table{Name: "numbers", Caption: "Numbers", Empty: "No number is found.",
			Columns: []string{"Number", "CNAM", "Emergency address", "Changed"}}}
	unconfirmed := ""
	if n.Unconfirmed {
		unconfirmed = "true"
	}
	for _, prefix := range spellings(n.Query) {
		narrowed := queryOf("prefix", prefix, "account", n.Account, "attribute", n.Attribute, "unconfirmed", unconfirmed)
		err := v.listed(n.Table, func(query url.Values) (string, error) {
			for name := range narrowed {
				query.Set(name, narrowed.Get(name))
			}
			var list gen.Numbers
			err := v.get(&list, "/numbers", query)
			for _, one := range list.Items {
				n.Table.Rows = append(n.Table.Rows, numberRow(one))
			}
			return given(list.Next), err
		})
		if err != nil {
			return err
		}
		if len(n.Table.Rows) > 0 || n.Table.Next != "" {
			break
		}
	}
	return v.shown("numbers", "Numbers", n, n.Table)
}

// spellings are what a number that was typed may begin with in the store: people write blanks, dashes and brackets, and
// leave the plus out; some events have none either.
func spellings(typed string) []string {
	typed = strings.TrimSpace(typed)
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()/\u00a0", r) {
			return -1
		}
		return r
	}, typed)
	if rest := strings.TrimPrefix(digits, "+"); rest == "" || strings.Trim(rest, "0123456789") != "" {
		return []string{typed}
	}
	if strings.HasPrefix(digits, "+") {
		return []string{digits}
	}
	return []string{"+" + digits, digits}
}

func numberRow(n gen.Number) []cell {
	row := []cell{link(n.Number, "/number", "n", n.Number), {}, {}, {}}
	for _, value := range n.Values {
		switch value.Attribute {
		case "cnam":
			row[1].Text = line(value.Value)
		case "emergency_address":
			row[2].Text = line(value.Value)
		}
		if changed := time.UnixMilli(value.EventTs); changed.After(row[3].Time) {
			row[3].Time = changed
		}
	}
	return row
}

// number is one number: its values, now or as of a date, and its timeline.
type number struct {
	Number, AsOf string
	Detail       gen.NumberDetail
	Values       *table
	History      *table
	Timeline     []entry
}

// entry is one entry of the timeline.
type entry struct {
	Change        gen.Change
	Value         string
	Confirmations []gen.Confirmation
}

func (v *visit) number() error {
	n := number{Number: v.asked("n"), AsOf: v.asked("as_of"),
		Values: &table{Name: "values", Caption: "Values", Empty: "It had no value then.",
			Columns: []string{"What", "Value", "Since, by the sender's clock", "Received", "Said by"}},
		History: &table{Name: "history", Caption: "Timeline",
			Columns: []string{"What", "Value", "State", "By the sender's clock", "Received", "Said by", "Account", "Confirmed"}}}
	path := "/numbers/" + url.PathEscape(n.Number)
	query, err := asOf(n.AsOf)
	if err != nil {
		return err
	}
	if err := v.get(&n.Detail, path, query); err != nil {
		return err
	}
	for _, c := range n.Detail.Values {
		n.Values.Rows = append(n.Values.Rows, []cell{words(string(c.Attribute)), words(line(c.Value)),
			millis(c.EventTs), at(c.Received), words(c.EventId)})
	}
	err = v.listed(n.History, func(query url.Values) (string, error) {
		var changes gen.Changes
		err := v.get(&changes, path+"/history", query)
		for _, c := range changes.Items {
			n.Timeline = append(n.Timeline, n.entryOf(c))
		}
		for _, e := range n.Timeline[len(n.History.Rows):] {
			n.History.Rows = append(n.History.Rows, e.row())
		}
		return given(changes.Next), err
	})
	if err != nil {
		return err
	}
	return v.shown("number", n.Number, n, n.Values, n.History)
}

func (n *number) entryOf(c gen.Change) entry {
	e := entry{Change: c, Value: line(c.Value)}
	for _, confirmation := range n.Detail.Confirmations {
		if confirmation.EventId == c.EventId && confirmation.Attribute == c.Attribute {
			e.Confirmations = append(e.Confirmations, confirmation)
		}
	}
	return e
}

func (e entry) row() []cell {
	var confirmed []string
	for _, c := range e.Confirmations {
		when := c.Since
		if c.Confirmed != nil {
			when = *c.Confirmed
		}
		confirmed = append(confirmed, c.Downstream+" "+string(c.State)+" "+when.UTC().Format(time.RFC3339))
	}
	c := e.Change
	return []cell{words(string(c.Attribute)), words(e.Value), state(string(c.State)), millis(c.EventTs), at(c.Received),
		words(c.EventId), words(c.AccountId), words(strings.Join(confirmed, "; "))}
}

// asOf is the parameter of the API for a time that was typed, which is UTC unless it says otherwise.
func asOf(typed string) (url.Values, error) {
	typed = strings.TrimSuffix(strings.TrimSpace(typed), " UTC")
	if typed == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05",
		"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, typed); err == nil {
			return queryOf("as_of", strconv.FormatInt(t.UnixMilli(), 10)), nil
		}
	}
	return nil, &refusal{status: http.StatusBadRequest, detail: "The time is not understood: write 2026-11-28 08:00."}
}

// given is the value of an optional member.
func given[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
