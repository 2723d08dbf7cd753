package storetest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"numhook/server/event"
)

// activity: counts of one minute add up, those of what is owed replace each other, and folding changes no sum.
func activity(t TB, location Location) {
	s := open(t, location)
	hour := time.Date(2026, 2, 3, 4, 0, 0, 0, time.UTC)
	add := func(after time.Duration, counts map[string]int64) {
		t.Helper()
		same(t, "error", s.AddActivity(t.Context(), hour.Add(after), counts), nil)
	}
	read := func(what string, since, until time.Duration, step time.Duration, want ...event.Activity) {
		t.Helper()
		list, err := s.Activity(t.Context(), hour.Add(since), hour.Add(until), step)
		same(t, "error", err, nil)
		same(t, what, list, want)
	}
	at := func(after time.Duration, name string, count int64) event.Activity {
		return event.Activity{At: hour.Add(after), Name: name, Count: count}
	}
	read("counts of an empty store", 0, time.Hour, time.Minute)
	add(0, map[string]int64{"accepted": 2, event.Owed: 7})
	add(59*time.Second, map[string]int64{"accepted": 3, event.Owed: 5})
	add(61*time.Second, map[string]int64{"accepted": 1, "invalid": 1, event.Owed: 6})
	add(61*time.Minute, map[string]int64{"accepted": 10})
	minutes := []event.Activity{at(0, "accepted", 5), at(0, event.Owed, 5), at(time.Minute, "accepted", 1),
		at(time.Minute, "invalid", 1), at(time.Minute, event.Owed, 6), at(61*time.Minute, "accepted", 10)}
	hours := []event.Activity{at(0, "accepted", 6), at(0, "invalid", 1), at(0, event.Owed, 6),
		at(time.Hour, "accepted", 10)}
	read("minutes", 0, 2*time.Hour, time.Minute, minutes...)
	read("hours", 0, 2*time.Hour, time.Hour, hours...)
	read("some minutes", time.Minute, 61*time.Minute, time.Minute, minutes[2:5]...)
	s = reopen(t, s, location)
	defer closeStore(t, s)
	for range 2 { // folded once more it is the same
		same(t, "error", s.FoldActivity(t.Context(), hour.Add(100*time.Minute)), nil)
		read("what was folded", 0, 2*time.Hour, time.Minute, append(hours[:3:3], minutes[5])...)
		read("hours of what was folded", 0, 2*time.Hour, time.Hour, hours...)
	}
	add(30*time.Second, map[string]int64{"accepted": 1}) // a clock that was set back
	read("hours", 0, time.Hour, time.Hour, at(0, "accepted", 7), hours[1], hours[2])
}

func activityAtOnce(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	const writers, rounds = 8, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				if err := s.AddActivity(t.Context(), someTime, map[string]int64{"accepted": 1, "invalid": 2}); err != nil {
					t.Errorf("cannot count: %v", err)
				}
			}
		})
	}
	wg.Wait()
	list, err := s.Activity(t.Context(), someTime.Add(-time.Hour), someTime, time.Minute)
	same(t, "error", err, nil)
	minute := someTime.Truncate(time.Minute)
	same(t, "counts", list, []event.Activity{{At: minute, Name: "accepted", Count: writers * rounds},
		{At: minute, Name: "invalid", Count: 2 * writers * rounds}})
}

// AddActivity implements store.Writer.
func (f *Fake) AddActivity(ctx context.Context, at time.Time, counts map[string]int64) error {
	if err := f.use(ctx, "count", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	for name, count := range counts {
		f.model.count(event.Activity{At: at.UTC().Truncate(time.Minute), Name: name, Count: count}, name == event.Owed)
	}
	return nil
}

// count adds to what is counted at the time, or replaces it.
func (m *Model) count(a event.Activity, replace bool) {
	for i := range m.activity {
		if o := &m.activity[i]; o.At.Equal(a.At) && o.Name == a.Name {
			if replace {
				o.Count = a.Count
			} else {
				o.Count += a.Count
			}
			return
		}
	}
	m.activity = append(m.activity, a)
}

// FoldActivity implements store.Writer.
func (f *Fake) FoldActivity(ctx context.Context, before time.Time) error {
	if err := f.use(ctx, "fold counts", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	folded := &Model{}
	for _, a := range f.model.activity {
		if a.At.Before(before.Truncate(time.Hour)) {
			a.At = a.At.Truncate(time.Hour)
		}
		folded.most(a)
	}
	f.model.activity = folded.activity
	return nil
}

// most is count, with the most of what is owed.
func (m *Model) most(a event.Activity) {
	replace := a.Name == event.Owed
	for _, o := range m.activity {
		if replace && o.At.Equal(a.At) && o.Name == a.Name {
			a.Count = max(a.Count, o.Count)
		}
	}
	m.count(a, replace)
}

// Activity implements store.Reader.
func (f *Fake) Activity(
	ctx context.Context, since, until time.Time, step time.Duration,
) ([]event.Activity, error) {
	if err := f.use(ctx, "list counts", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	summed := &Model{}
	for _, a := range f.model.activity {
		if !a.At.Before(since) && a.At.Before(until) {
			a.At = a.At.Truncate(max(step, time.Minute))
			summed.most(a)
		}
	}
	slices.SortFunc(summed.activity, func(a, b event.Activity) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Name, b.Name))
	})
	return summed.activity, nil
}
