package sessionstest

import (
	"bytes"
	"context"
	"iter"
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// expiryBreakages break expiry and the removal of expired records.
var expiryBreakages = []breakage{
	// Expiry.
	{name: "Load returns expired records", rule: 1, do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
			err = m.run(ctx, func(r mapRecords) error {
				var ok bool
				if rec, ok = r[m.at(key)]; !ok {
					return driver.ErrNotFound
				}
				rec = own(rec)
				return nil
			})
			return rec, err
		}
	}},
	{name: "Touch extends expired records", rule: 1, do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			return m.run(ctx, func(r mapRecords) error {
				old, ok := r[m.at(key)]
				if !ok || old.Version != rec.Version {
					return driver.ErrConflict
				}
				r[m.at(key)] = own(rec)
				return nil
			})
		}
	}},
	{name: "Save replaces expired records", rule: 1, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			return m.run(ctx, func(r mapRecords) error {
				there, ok := r[m.at(key)]
				if ok && old == 0 && there.Expired(m.now()) {
					ok, there = false, driver.Record{}
				}
				if ok != (old != 0) || there.Version != old {
					return driver.ErrConflict
				}
				r[m.at(key)] = own(rec)
				return nil
			})
		}
	}},
	{name: "an expired record prevents creation", rule: 1, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			var there bool
			f.records(func(r mapRecords) { _, there = r[m.at(key)] })
			if old == 0 && there {
				return driver.ErrConflict
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "All yields expired records", rule: 1, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] { return late(m).All(ctx) }
	}},
	{name: "the server's clock", rule: 1, do: func(f *faulty, m *mapStore) { m.now = time.Now }},
	{name: "expiry in whole seconds", rule: 1, do: func(f *faulty, m *mapStore) {
		now := m.now
		m.now = func() time.Time { return now().Truncate(time.Second) }
	}},
	{name: "a lifetime over 30 days is treated as a date", rule: 1, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if rec.Expires-rec.Created > 30*24*hour && old == 0 {
				return nil
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "a torn read", rule: 1, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if err := m.Save(ctx, key, old, rec); err != nil {
				return err
			}
			f.records(func(r mapRecords) {
				half := rec
				half.Data = bytes.Clone(rec.Data[:len(rec.Data)/2])
				r[m.at(key)] = half
			})
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	// Removal.
	{name: "a sweep that removes all", rule: 8, do: func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			n, err = m.Sweep(ctx)
			f.records(func(r mapRecords) { clear(r) })
			return n, err
		}
	}},
	{name: "a sweep that never removes", rule: 8, do: func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			for _, err := range late(m).All(ctx) {
				if err == nil {
					n++
				}
			}
			return n, nil
		}
	}},
	{name: "a sweep that removes one batch", rule: 8, do: func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			err = m.run(ctx, func(r mapRecords) error {
				for at, rec := range r {
					if rec.Expired(m.now()) && n < 100 {
						delete(r, at)
						n++
					}
				}
				return nil
			})
			return n, err
		}
	}},
	{name: "a sweep by the first expiry", rule: 8, do: func(f *faulty, m *mapStore) {
		first := map[driver.Key]driver.Millis{}
		var mu sync.Mutex
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if first[key] == 0 {
				first[key] = rec.Expires
			}
			return m.Save(ctx, key, old, rec)
		}
		f.sweep = func(ctx context.Context) (n int, err error) {
			mu.Lock()
			defer mu.Unlock()
			for key, expires := range first {
				if expires <= driver.MillisOf(m.now()) {
					_ = m.Delete(ctx, key, 0)
					n++
				}
			}
			return n, nil
		}
	}},
	{name: "a sweep that looks, then deletes", rule: 8, do: func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			var expired []driver.Key
			f.records(func(r mapRecords) {
				for at, rec := range r {
					if rec.Expired(m.now()) {
						expired = append(expired, at.Key)
					}
				}
			})
			pause()
			for _, key := range expired {
				_ = m.Delete(ctx, key, 0)
			}
			return len(expired), nil
		}
	}},
	{name: "no sweeper", rule: 8, do: func(f *faulty, m *mapStore) { m.stop = func() {} }},
	{name: "a sweep by the expiry before an earlier one", rule: 8, by: "sweep-after-earlier-expiry", do: func(f *faulty, m *mapStore) {
		var latest sync.Map // of driver.Key
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			latest.LoadOrStore(key, rec.Expires)
			return m.Save(ctx, key, old, rec)
		}
		f.sweep = func(ctx context.Context) (n int, err error) {
			err = m.run(ctx, func(r mapRecords) error {
				for at, rec := range r {
					if due, _ := latest.Load(at.Key); rec.Expired(m.now()) && due.(driver.Millis) <= driver.MillisOf(m.now()) {
						delete(r, at)
						n++
					}
				}
				return nil
			})
			return n, err
		}
	}},
	{name: "a sweeper that runs once", rule: 8, by: "sweep-at-interval", says: "in the second round", do: func(f *faulty, m *mapStore) {
		var once sync.Once
		m.stop = driver.StartSweeper(driver.Config{SweepInterval: 5 * time.Millisecond}, func(ctx context.Context) (n int, err error) {
			expired := 0
			for _, err := range late(m).All(ctx) {
				if err == nil {
					expired++
				}
			}
			if live, _ := collect(m.All(ctx)); expired > len(live) {
				once.Do(func() { n, err = m.Sweep(ctx) })
			}
			return n, err
		})
	}},
	{name: "a sweeper despite a negative interval", rule: 8, by: "sweep-disabled", do: func(f *faulty, m *mapStore) {
		m.stop = driver.StartSweeper(driver.Config{SweepInterval: 2 * time.Millisecond}, m.Sweep)
	}},
}
