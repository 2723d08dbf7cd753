package storetest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"numhook/server/event"
	"numhook/server/store"
)

// faulty is the fake with some of its methods replaced by wrong ones.
type faulty struct {
	*Fake
	append     func(ctx context.Context, e event.Event) (event.Receipt, error)
	quarantine func(ctx context.Context, q event.Quarantined) (int64, error)
	redrive    func(ctx context.Context, id int64, e event.Event) (event.Receipt, error)
	number     func(ctx context.Context, number string, at int64) (event.Number, error)
	numbers    func(ctx context.Context, after string, limit int) ([]event.Number, error)
	event      func(ctx context.Context, id event.ID) (event.Stored, error)
	close      func() error
}

func (f *faulty) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	if f.append == nil {
		return f.Fake.Append(ctx, e)
	}
	return f.append(ctx, e)
}

func (f *faulty) Quarantine(ctx context.Context, q event.Quarantined) (int64, error) {
	if f.quarantine == nil {
		return f.Fake.Quarantine(ctx, q)
	}
	return f.quarantine(ctx, q)
}

func (f *faulty) Redrive(ctx context.Context, id int64, e event.Event) (event.Receipt, error) {
	if f.redrive == nil {
		return f.Fake.Redrive(ctx, id, e)
	}
	return f.redrive(ctx, id, e)
}

func (f *faulty) Number(ctx context.Context, number string) (event.Number, error) {
	return f.NumberAsOf(ctx, number, 1<<63-1)
}

func (f *faulty) NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error) {
	if f.number == nil {
		return f.Fake.NumberAsOf(ctx, number, at)
	}
	return f.number(ctx, number, at)
}

func (f *faulty) Numbers(ctx context.Context, after string, limit int) ([]event.Number, error) {
	if f.numbers == nil {
		return f.Fake.Numbers(ctx, after, limit)
	}
	return f.numbers(ctx, after, limit)
}

func (f *faulty) Event(ctx context.Context, id event.ID) (event.Stored, error) {
	if f.event == nil {
		return f.Fake.Event(ctx, id)
	}
	return f.event(ctx, id)
}

func (f *faulty) Close() error {
	if f.close == nil {
		return f.Fake.Close()
	}
	return f.close()
}

// alter changes the model behind the fake's back.
func (f *faulty) alter(change func(m *Model)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.model)
}

// failures runs the case and returns what it complains of.
func failures(t *testing.T, c Case, inject func(f *faulty)) []string {
	return complaints(t, c.Name, func(r *recorder) {
		plain := fakeLocation(r)
		c.Test(r, func() (store.Store, error) {
			s, err := plain()
			f := &faulty{Fake: s.(*Fake)}
			inject(f)
			return f, err
		})
	})
}

// The suite is only worth something if it fails where a store is wrong.
func TestSuiteNoticesFaults(t *testing.T) {
	cases := map[string]Case{}
	for _, c := range Cases() {
		cases[c.Name] = c
	}
	if len(cases) != len(Cases()) {
		t.Fatal("two cases have one name")
	}
	useful := map[string]bool{}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			for _, name := range f.noticed {
				c, ok := cases[name]
				if !ok {
					t.Fatalf("there is no case %q", name)
				}
				if len(failures(t, c, f.inject)) == 0 {
					t.Errorf("case %q does not notice", name)
				}
				useful[name] = true
			}
		})
	}
	t.Logf("%d faults, noticed by %d of %d cases: %v", len(faults), len(useful), len(cases),
		slices.Sorted(maps.Keys(useful)))
}
