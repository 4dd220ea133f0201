package sessionstest

import (
	"context"
	"iter"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// keyBreakages break order, keys and namespaces.
var keyBreakages = []breakage{
	// Order and keys.
	{name: "Load from a cache", rule: 4, do: func(f *faulty, m *mapStore) {
		var cache sync.Map
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if r, ok := cache.Load(key); ok {
				return own(r.(driver.Record)), nil
			}
			r, err := m.Load(ctx, key)
			if err == nil {
				cache.Store(key, own(r))
			}
			return r, err
		}
	}},
	{name: "keys cut short", rule: 4, do: func(f *faulty, m *mapStore) {
		cut := func(k driver.Key) driver.Key { clear(k[16:]); return k }
		f.load = func(ctx context.Context, k driver.Key) (driver.Record, error) { return m.Load(ctx, cut(k)) }
		f.save = func(ctx context.Context, k driver.Key, old driver.Version, rec driver.Record) error {
			return m.Save(ctx, cut(k), old, rec)
		}
	}},
	{name: "no namespaces", rule: 4, do: func(f *faulty, m *mapStore) { m.namespace = "" }},
	{name: "namespaces end at 32 characters", rule: 4, do: func(f *faulty, m *mapStore) { m.namespace = m.namespace[:min(len(m.namespace), 32)] }},
	{name: "Save of a new owner keeps the old one", rule: 4, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && r.Owner != "" {
				rec.Owner = r.Owner
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "Sweep reaches into every namespace", rule: 8, by: "namespaces-sweep", do: sweepsEveryNamespace},
	{name: "Sweep reaches into every namespace, opened one at a time", rule: 8, by: "namespaces-one-at-a-time-sweep", cannot: Share, do: sweepsEveryNamespace},
	{name: "All lists every namespace, opened one at a time", rule: 9, by: "namespaces-one-at-a-time-all", cannot: Share, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] { return everyNamespace(f, m, "") }
	}},
	{name: "Owned lists every namespace, opened one at a time", rule: 10, by: "namespaces-one-at-a-time-owned", cannot: Share, do: func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return everyNamespace(f, m, owner)
		}
	}},
	{name: "an owner index shared by namespaces", rule: 10, by: "namespaces-owner-index", do: func() func(f *faulty, m *mapStore) {
		var dropped sync.Map // of driver.Key, shared by the stores of the process
		return func(f *faulty, m *mapStore) {
			f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
				was, _ := m.Load(ctx, key)
				err := m.Save(ctx, key, old, rec)
				if err == nil && was.Owner != "" && was.Owner != rec.Owner {
					dropped.Store(key, true)
				}
				return err
			}
			f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
				err := m.Delete(ctx, key, v)
				if err == nil {
					dropped.Store(key, true)
				}
				return err
			}
			f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
				return rewrite(m.Owned(ctx, owner), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
					_, gone := dropped.Load(e.Key)
					return gone || yield(e, nil)
				})
			}
		}
	}()},
	{name: "an expiry index shared by namespaces", rule: 8, by: "namespaces-expiry-index", do: func() func(f *faulty, m *mapStore) {
		var dropped sync.Map // of driver.Key
		return func(f *faulty, m *mapStore) {
			f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
				err := m.Delete(ctx, key, v)
				if err == nil {
					dropped.Store(key, true)
				}
				return err
			}
			f.sweep = func(ctx context.Context) (n int, err error) {
				err = m.run(ctx, func(r mapRecords) error {
					for at, rec := range r {
						if _, gone := dropped.Load(at.Key); !gone && at.Namespace == m.namespace && rec.Expired(m.now()) {
							delete(r, at)
							n++
						}
					}
					return nil
				})
				return n, err
			}
		}
	}()},
}

func sweepsEveryNamespace(f *faulty, m *mapStore) {
	f.sweep = func(ctx context.Context) (n int, err error) {
		err = m.run(ctx, func(r mapRecords) error {
			for at, rec := range r {
				if rec.Expired(m.now()) {
					delete(r, at)
					n++
				}
			}
			return nil
		})
		return n, err
	}
}

// everyNamespace lists the records of all namespaces, or those of owner if it is not
// empty.
func everyNamespace(f *faulty, m *mapStore, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var entries []driver.Entry
		f.records(func(r mapRecords) {
			for at, rec := range r {
				if !rec.Expired(m.now()) && (owner == "" || rec.Owner == owner) {
					entries = append(entries, driver.Entry{Key: at.Key, Record: own(rec)})
				}
			}
		})
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}
