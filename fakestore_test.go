package sessions_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memory"
)

// errFakeDown is how the fake store fails. Its text must reach no client.
var errFakeDown = errors.New("backend 10.9.8.7 refused the connection")

// fakeStore is a memory store that counts its calls and fails on demand. It is
// its own driver, so that several managers may share it.
type fakeStore struct {
	mu    sync.Mutex
	inner driver.Store
	log   []string
	queue map[string][]fakeFault // by kind of call: what happens to the next ones
	rule  func(kind string) fakeFault
	late  map[string]func() error // calls under way
}

// fakeFault is what happens to one call. The zero fakeFault is nothing.
type fakeFault struct {
	hook  func() // runs before the call: what other requests do meanwhile
	err   error  // is reported
	lands bool   // though the call took effect
	late  bool   // the call takes effect only just before the next of its kind
	hang  bool   // until the context ends
	after func() // runs when the call has had its effect
}

var (
	fakeOK      = fakeFault{}
	fakeRefused = fakeFault{err: errFakeDown}              // nothing happens
	fakeLanded  = fakeFault{err: errFakeDown, lands: true} // the answer is lost
	fakeHung    = fakeFault{hang: true}
)

func newFakeStore() *fakeStore {
	return &fakeStore{queue: make(map[string][]fakeFault), late: make(map[string]func() error)}
}

func (f *fakeStore) Open(ctx context.Context, cfg driver.Config) (driver.Store, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inner != nil {
		return f, nil
	}
	var err error
	f.inner, err = memory.New(memory.Options{}).Open(ctx, cfg)
	return f, err
}

// next says what happens to the next calls of the kind, in order.
func (f *fakeStore) next(kind string, faults ...fakeFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue[kind] = append(f.queue[kind], faults...)
}

// before runs hook just before the next call of the kind.
func (f *fakeStore) before(kind string, hook func()) { f.next(kind, fakeFault{hook: hook}) }

// always says what happens to every call from now on; nil is nothing.
func (f *fakeStore) always(rule func(kind string) fakeFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

// down makes every call fail, up ends that.
func (f *fakeStore) down() { f.always(func(string) fakeFault { return fakeRefused }) }
func (f *fakeStore) up()   { f.always(nil) }

// calls returns the kinds of call since it was asked last, in order.
func (f *fakeStore) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := strings.Join(f.log, " ")
	f.log = nil
	return log
}

// records returns what is stored, read behind the manager's back.
func (f *fakeStore) records(t testing.TB) []driver.Entry {
	t.Helper()
	var all []driver.Entry
	for e, err := range f.inner.(driver.Lister).All(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// record returns the one record that is stored.
func (f *fakeStore) record(t testing.TB) driver.Entry {
	t.Helper()
	all := f.records(t)
	if len(all) != 1 {
		t.Fatalf("%d records stored, want 1", len(all))
	}
	return all[0]
}

// recordOf returns the record that the client's cookie opens.
func (f *fakeStore) recordOf(t testing.TB, c *lifeClient) driver.Entry {
	t.Helper()
	s, err := c.app.m.Load(context.Background(), c.token())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range f.records(t) {
		if e.Key.String() == s.ID() {
			return e
		}
	}
	t.Fatal("no record")
	return driver.Entry{}
}

// put stores a record behind the manager's back, in place of the one at key.
func (f *fakeStore) put(t testing.TB, key driver.Key, rec driver.Record) {
	t.Helper()
	ctx := context.Background()
	if err := f.inner.Delete(ctx, key, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.inner.Save(ctx, key, 0, rec); err != nil {
		t.Fatal(err)
	}
}

func (f *fakeStore) call(ctx context.Context, kind string, apply func(context.Context) error) error {
	f.mu.Lock()
	f.log = append(f.log, kind)
	var fault fakeFault
	if q := f.queue[kind]; len(q) > 0 {
		fault, f.queue[kind] = q[0], slices.Clone(q[1:])
	} else if f.rule != nil {
		fault = f.rule(kind)
	}
	arriving := f.late[kind]
	delete(f.late, kind)
	if fault.late {
		f.late[kind] = func() error { return apply(context.WithoutCancel(ctx)) }
	}
	f.mu.Unlock()
	if arriving != nil {
		arriving() // nobody waits for its answer any more
	}
	if fault.hook != nil {
		fault.hook()
	}
	if fault.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if fault.err != nil && !fault.lands {
		return fault.err
	}
	err := apply(ctx)
	if fault.after != nil {
		fault.after()
	}
	if fault.err != nil {
		return fault.err
	}
	return err
}

func (f *fakeStore) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = f.call(ctx, "Load", func(ctx context.Context) (err error) {
		rec, err = f.inner.Load(ctx, key)
		return err
	})
	return rec, err
}

func (f *fakeStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return f.call(ctx, "Save", func(ctx context.Context) error { return f.inner.Save(ctx, key, old, rec) })
}

func (f *fakeStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return f.call(ctx, "Touch", func(ctx context.Context) error { return f.inner.Touch(ctx, key, rec) })
}

func (f *fakeStore) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return f.call(ctx, "Delete", func(ctx context.Context) error { return f.inner.Delete(ctx, key, version) })
}

func (f *fakeStore) Close() error { return f.inner.Close() }

func (f *fakeStore) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return f.inner.(driver.Lister).All(ctx)
}

// Owned counts as one call, and a fault of it ends the listing. What its after
// does happens in the course of the listing: added records come too late for
// it, and removed ones are left out.
func (f *fakeStore) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var found []driver.Entry
		err := f.call(ctx, "Owned", func(ctx context.Context) error {
			for e, err := range f.inner.(driver.Owners).Owned(ctx, owner) {
				if err != nil {
					return err
				}
				found = append(found, e)
			}
			return nil
		})
		if err != nil {
			yield(driver.Entry{}, err)
			return
		}
		for _, e := range found {
			if rec, err := f.inner.Load(ctx, e.Key); err == nil && !yield(driver.Entry{Key: e.Key, Record: rec}, nil) {
				return
			}
		}
	}
}

func (f *fakeStore) Sweep(ctx context.Context) (int, error) {
	return f.inner.(driver.Sweeper).Sweep(ctx)
}
