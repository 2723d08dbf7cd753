package page

import (
	"fmt"
	"slices"
	"time"

	gen "numhook/gen/operator"
)

// challengeOld is how old the sender's last challenge may be before somebody should look: the sender repeats it every
// 72 hours.
const challengeOld = 73 * time.Hour

// need is something that waits for a person.
type need struct{ Text, Link string }

type overview struct {
	Status      gen.Status
	Needs       []need
	Downstreams *table
}

func (v *visit) overview() error {
	var o overview
	if err := v.get(&o.Status, "/status", nil); err != nil {
		return err
	}
	var downstreams gen.Downstreams
	if err := v.get(&downstreams, "/downstreams", nil); err != nil {
		return err
	}
	o.Needs = needs(o.Status, downstreams.Items, v.page.Now())
	o.Downstreams = downstreamsTable(downstreams.Items)
	return v.shown("overview", "Overview", o, o.Downstreams)
}

// needs is what waits for a person, in the order of what it costs to leave it.
func needs(s gen.Status, downstreams []gen.Downstream, now time.Time) (all []need) {
	for _, name := range sorted(s.Checks) {
		if s.Checks[name] != "ok" {
			all = append(all, need{fmt.Sprintf("Not ready: %s: %s", name, s.Checks[name]), ""})
		}
	}
	if s.QuarantineHeld > 0 {
		all = append(all, need{fmt.Sprintf("%s held in quarantine: signed by the sender, against the contract",
			counted(s.QuarantineHeld, "delivery", "deliveries")), ""})
	}
	for _, d := range downstreams {
		if d.Dead > 0 {
			all = append(all, need{fmt.Sprintf("%s to %s given up", counted(d.Dead, "delivery", "deliveries"), d.Name), ""})
		}
		if d.State == gen.DownstreamStatePaused {
			all = append(all, need{fmt.Sprintf("%s is paused", d.Name), ""})
		}
	}
	switch {
	case s.LastChallenge == nil:
		all = append(all, need{"The sender has never challenged this receiver's address", ""})
	case now.Sub(*s.LastChallenge) > challengeOld:
		all = append(all, need{"The sender's last challenge is more than 73 hours old", ""})
	}
	for _, name := range sorted(s.Warnings) {
		all = append(all, need{fmt.Sprintf("%s: %s", name, s.Warnings[name]), ""})
	}
	return all
}

func sorted(texts map[string]string) (names []string) {
	for name := range texts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func downstreamsTable(list []gen.Downstream) *table {
	t := &table{Name: "downstreams", Caption: "Downstreams", Empty: "No downstream is configured.",
		Columns: []string{"Downstream", "State", "Waiting", "Under an attempt", "Given up", "Oldest since"}}
	for _, d := range list {
		t.Rows = append(t.Rows, []cell{words(d.Name), state(string(d.State)), count(d.Waiting), count(d.Attempting),
			count(d.Dead), maybe(d.Oldest)})
	}
	return t
}
