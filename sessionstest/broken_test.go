package sessionstest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// faulty is a mapStore whose methods can be replaced.
type faulty struct {
	*mapStore
	load  func(context.Context, driver.Key) (driver.Record, error)
	save  func(context.Context, driver.Key, driver.Version, driver.Record) error
	renew func(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error
	touch func(context.Context, driver.Key, driver.Record) error
	del   func(context.Context, driver.Key, driver.Version) error
	all   func(context.Context) iter.Seq2[driver.Entry, error]
	owned func(context.Context, string) iter.Seq2[driver.Entry, error]
	sweep func(context.Context) (int, error)
	close func() error
}

func (f *faulty) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	return f.load(ctx, key)
}
func (f *faulty) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return f.save(ctx, key, old, rec)
}
func (f *faulty) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	return f.renew(ctx, oldKey, old, forward, key, rec)
}
func (f *faulty) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return f.touch(ctx, key, rec)
}
func (f *faulty) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	return f.del(ctx, key, v)
}
func (f *faulty) All(ctx context.Context) iter.Seq2[driver.Entry, error] { return f.all(ctx) }
func (f *faulty) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return f.owned(ctx, owner)
}
func (f *faulty) Sweep(ctx context.Context) (int, error) { return f.sweep(ctx) }
func (f *faulty) Close() error                           { return f.close() }

// sound returns a faulty store without faults.
func sound(m *mapStore) *faulty {
	f := &faulty{m, m.Load, m.Save, m.Renew, m.Touch, m.Delete, m.All, m.Owned, m.Sweep, m.Close}
	f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
		r, err := m.Load(ctx, key)
		if err = errors.Join(err, markedError(r)); err != nil {
			r = driver.Record{}
		}
		return r, err
	}
	f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] { return readable(m.All(ctx)) }
	f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
		return readable(m.Owned(ctx, owner))
	}
	return f
}

// The versions that mark records as damaged or of a newer format.
const (
	damagedVersion driver.Version = -1
	newerVersion   driver.Version = -2
)

// markedError returns the error for a record with one of these versions, or nil.
func markedError(r driver.Record) error {
	switch r.Version {
	case damagedVersion:
		return driver.ErrCorrupt
	case newerVersion:
		return driver.ErrNewerFormat
	}
	return nil
}

// readable yields the records that are marked unreadable as errors.
func readable(seq iter.Seq2[driver.Entry, error]) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for e, err := range seq {
			if bad := markedError(e.Record); bad != nil {
				e, err = driver.Entry{Key: e.Key}, bad
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// breakage is a fault in a store, and the rule that it breaks.
type breakage struct {
	name   string
	rule   int
	do     func(f *faulty, m *mapStore)
	by     string // the case that must detect it; "" for any case of the rule
	says   string // in the failure
	cannot Ability
}

// records calls f with the store's records.
func (f *faulty) records(do func(mapRecords)) {
	_ = f.do(func(m mapRecords) error { do(m); return nil })
}

// rewrite passes each entry of a listing through change.
func rewrite(seq iter.Seq2[driver.Entry, error], change func(e driver.Entry, yield func(driver.Entry, error) bool) bool) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for e, err := range seq {
			if err != nil {
				yield(e, err)
				return
			}
			if !change(e, yield) {
				return
			}
		}
	}
}

var breakages = slices.Concat(versionBreakages, renewBreakages, expiryBreakages, keyBreakages, contextBreakages, byteBreakages, listingBreakages)

// pause lets other goroutines run between a check and the write that depends on it.
func pause() { time.Sleep(50 * time.Microsecond) }

// brokenMaxData is the MaxData of the broken stores' harness.
const brokenMaxData = 1<<20 + 5

func resurrectingSave(f *faulty, m *mapStore) {
	f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
		if _, err := m.Load(ctx, key); errors.Is(err, driver.ErrNotFound) {
			old = 0
		}
		return m.Save(ctx, key, old, rec)
	}
}

// touchThen is like Touch, and then changes the record.
func touchThen(f *faulty, m *mapStore, change func(*driver.Record)) func(context.Context, driver.Key, driver.Record) error {
	return func(ctx context.Context, key driver.Key, rec driver.Record) error {
		err := m.Touch(ctx, key, rec)
		if err == nil {
			f.records(func(r mapRecords) { there := r[m.at(key)]; change(&there); r[m.at(key)] = there })
		}
		return err
	}
}

func saveData(m *mapStore, change func([]byte) []byte) func(context.Context, driver.Key, driver.Version, driver.Record) error {
	return func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
		rec.Data = change(rec.Data)
		return m.Save(ctx, key, old, rec)
	}
}

// ownedIf breaks Owned: it yields the records for which same returns true.
func ownedIf(same func(owner, wanted string) bool) func(*faulty, *mapStore) {
	return func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return !same(e.Record.Owner, owner) || yield(e, nil)
			})
		}
	}
}

// late returns the same store with a clock that is a day slow.
func late(m *mapStore) *mapStore {
	return &mapStore{namespace: m.namespace, do: m.do, now: func() time.Time { return m.now().Add(-24 * time.Hour) }}
}

// brokenHarness returns a harness whose stores have one fault.
func brokenHarness(do func(*faulty, *mapStore)) Harness {
	d := new(mapDriver)
	var opened atomic.Int64
	return Harness{
		Driver: driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
			f := sound(newMapStore(cfg, d.backend(cfg).do))
			f.limit = brokenMaxData
			do(f, f.mapStore)
			if f.stop == nil {
				f.start(cfg)
			}
			return f, nil
		}),
		Config: func(testing.TB) driver.Config {
			return driver.Config{URL: strconv.FormatInt(opened.Add(1), 10)}
		},
		Cannot:  map[Ability]string{Processes: "the records are in this process's memory"},
		MaxData: brokenMaxData,
		Damage:  func(cfg driver.Config, key driver.Key) error { return d.makeUnreadable(cfg, key, damagedVersion) },
		Newer:   func(cfg driver.Config, key driver.Key) error { return d.makeUnreadable(cfg, key, newerVersion) },
	}
}

func (d *mapDriver) makeUnreadable(cfg driver.Config, key driver.Key, v driver.Version) error {
	m := newMapStore(cfg, d.backend(cfg).do)
	return m.do(func(r mapRecords) error {
		rec := r[m.at(key)]
		rec.Version = v
		r[m.at(key)] = rec
		return nil
	})
}

func TestBrokenStores(t *testing.T) {
	for _, b := range breakages {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel() // most wait for a time limit
			s := newSuite(brokenHarness(b.do), t.Name())
			s.timeout, s.leakTimeout = time.Second, 200*time.Millisecond
			if b.cannot != "" {
				s.Cannot[b.cannot] = "so that cases that do not need it must detect the fault"
			}
			// A race does not happen in every attempt, so there are several; nearly
			// all faults are detected in the first.
			for range 20 {
				for _, c := range cases {
					if b.by == "" && c.rule != b.rule || b.by != "" && c.name != b.by {
						continue
					}
					for _, f := range s.run(t, c).failures {
						if f.rule == b.rule && strings.Contains(f.saw, b.says) {
							t.Logf("caught by %s: %s", f.name, f)
							return
						}
					}
				}
			}
			t.Errorf("no case of rule %d (%s) detected this", b.rule, b.by)
		})
	}
}

func TestSoundStore(t *testing.T) {
	s := newSuite(brokenHarness(func(*faulty, *mapStore) {}), t.Name())
	for _, f := range s.check(t, func(c testCase) bool { return c.rule != 8 }) {
		t.Errorf("%s: %s", f.name, f)
	}
}

func TestDeclarationsAreTested(t *testing.T) {
	declared := func(c testCase) bool { return strings.HasPrefix(c.name, "declared-") }
	unsupported := func(context.Context) iter.Seq2[driver.Entry, error] {
		return func(yield func(driver.Entry, error) bool) { yield(driver.Entry{}, errors.ErrUnsupported) }
	}
	for name, test := range map[string]struct {
		do     func(*faulty, *mapStore)
		cannot map[Ability]string
		want   int
	}{
		"as declared":                  {func(*faulty, *mapStore) {}, nil, 0},
		"declared but implemented":     {func(*faulty, *mapStore) {}, map[Ability]string{List: "a lie"}, 1},
		"unsupported but not declared": {func(f *faulty, _ *mapStore) { f.all = unsupported }, nil, 1},
		"unsupported and declared":     {func(f *faulty, _ *mapStore) { f.all = unsupported }, map[Ability]string{List: "no names"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := brokenHarness(test.do)
			h.Cannot = test.cannot
			if got := newSuite(h, t.Name()).check(t, declared); len(got) != test.want {
				t.Errorf("%d failures, want %d: %v", len(got), test.want, got)
			}
		})
	}
	t.Run("a plain store", func(t *testing.T) {
		h := Harness{Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			s, err := new(mapDriver).Open(ctx, cfg)
			return plain{s}, err
		})}
		got := newSuite(h, t.Name()).check(t, declared)
		if len(got) != 3 || !strings.Contains(got[0].saw, "the store does not implement driver.Lister; implement it or declare Cannot[List]") {
			t.Errorf("got %v", got)
		}
	})
}

// A hanging Close is reported under its own rule, whatever the case tests.
func TestCloseThatHangs(t *testing.T) {
	s := newSuite(brokenHarness(func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			_ = m.gate.Enter() // and no Leave
			return m.Load(ctx, key)
		}
	}), t.Name())
	s.timeout = 300 * time.Millisecond
	got := s.check(t, func(c testCase) bool { return c.name == "load-missing" || c.name == "reopen-keeps-changes" })
	if len(got) != 2 || s.hung.Load() != 2 {
		t.Fatalf("%d cases hung, and the failures are %v", s.hung.Load(), got)
	}
	for _, f := range got {
		if f.rule != 11 || !strings.HasPrefix(f.saw, "Close did not return.") || !strings.Contains(f.saw, "Gate") {
			t.Errorf("%s: %v", f.name, f)
		}
	}
}

// A case that hangs fails after the timeout and reports where it hangs.
func TestWatchdog(t *testing.T) {
	s := newSuite(brokenHarness(func(f *faulty, _ *mapStore) {
		f.load = func(context.Context, driver.Key) (driver.Record, error) { select {} }
	}), t.Name())
	s.timeout = 50 * time.Millisecond
	got := s.check(t, func(c testCase) bool { return c.name == "load-missing" })
	if len(got) != 1 || !strings.Contains(got[0].saw, "loadMissing") {
		t.Errorf("got %v", got)
	}
}
