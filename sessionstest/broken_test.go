package sessionstest

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// faulty is a mapStore of which single methods are replaced.
type faulty struct {
	*mapStore
	load  func(context.Context, driver.Key) (driver.Record, error)
	save  func(context.Context, driver.Key, driver.Version, driver.Record) error
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

// sound returns a faulty store without a fault. A record without a version is
// one that was damaged behind its back.
func sound(m *mapStore) *faulty {
	f := &faulty{m, m.Load, m.Save, m.Touch, m.Delete, m.All, m.Owned, m.Sweep, m.Close}
	f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
		r, err := m.Load(ctx, key)
		if err == nil && r.Version == 0 {
			return driver.Record{}, driver.ErrCorrupt
		}
		return r, err
	}
	f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
		return func(yield func(driver.Entry, error) bool) {
			for e, err := range m.All(ctx) {
				if err == nil && e.Record.Version == 0 {
					e, err = driver.Entry{Key: e.Key}, driver.ErrCorrupt
				}
				if !yield(e, err) {
					return
				}
			}
		}
	}
	return f
}

// breakage is one way to break a store, and the rule that this breaks.
type breakage struct {
	name string
	rule int
	do   func(f *faulty, m *mapStore)
}

// records runs f on the store's records, past its own rules.
func (f *faulty) records(do func(mapRecords)) {
	_ = f.do(func(m mapRecords) error { do(m); return nil })
}

// rewrite changes what each listing step is about to yield.
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

var breakages = []breakage{
	// Versions and conflicts.
	{"Save ignores the version", 2, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && old != 0 {
				old = r.Version
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"Save with old 0 overwrites", 2, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old == 0 {
				_ = m.Delete(ctx, key, 0)
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"Save creates where it was to replace", 2, resurrectingSave},
	{"Save revives", 3, resurrectingSave},
	{"Save checks, then acts", 2, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && r.Version != old || err != nil && old != 0 {
				return driver.ErrConflict
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	{"creation checks, then acts", 2, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if _, err := m.Load(ctx, key); old != 0 || err == nil {
				return m.Save(ctx, key, old, rec)
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	{"a conflicting Save destroys", 2, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			if errors.Is(err, driver.ErrConflict) {
				_ = m.Delete(ctx, key, 0)
			}
			return err
		}
	}},
	{"ErrConflict for a Save that landed", 2, func(f *faulty, m *mapStore) {
		var n int
		var mu sync.Mutex
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%50 == 0 { // as a retry of a write would, now and then
				_ = m.Save(ctx, key, old, rec)
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"ErrNotFound in place of ErrConflict", 2, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if _, err := m.Load(ctx, key); err != nil && old != 0 {
				return driver.ErrNotFound
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"Delete ignores the version", 2, func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error { return m.Delete(ctx, key, 0) }
	}},
	{"Delete checks, then acts", 2, func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if r, err := m.Load(ctx, key); v != 0 && (err != nil || r.Version != v) {
				return driver.ErrConflict
			}
			pause()
			return m.Delete(ctx, key, 0)
		}
	}},
	{"Touch ignores the version", 2, func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil {
				rec.Version = r.Version
			}
			return m.Touch(ctx, key, rec)
		}
	}},
	{"Touch writes the whole record, unguarded", 2, func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err != nil || r.Version != rec.Version {
				return driver.ErrConflict
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	// What the methods say of themselves.
	{"an error of its own in place of ErrNotFound", 0, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			if err != nil {
				err = errors.New("no rows")
			}
			return r, err
		}
	}},
	{"Delete of nothing is an error", 0, func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if _, err := m.Load(ctx, key); v == 0 && errors.Is(err, driver.ErrNotFound) {
				return err
			}
			return m.Delete(ctx, key, v)
		}
	}},
	{"Touch changes the version", 0, func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Version = newVersion() })
	}},
	{"Touch changes the data", 0, func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Data = nil })
	}},
	{"Touch forgets the owner", 0, func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Owner = "" })
	}},
	{"Touch sets Created", 0, func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Created = r.Accessed })
	}},
	{"Touch leaves Accessed", 0, func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Accessed-- })
	}},
	{"the hint of before a Touch conflicts", 0, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			r.Hint = r.Expires
			return r, err
		}
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && rec.Hint != nil && rec.Hint != r.Expires {
				return driver.ErrConflict
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"a store that needs its hint", 0, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			r.Hint = r.Version
			return r, err
		}
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old != 0 && rec.Hint == nil {
				return driver.ErrConflict
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	// Deletion.
	{"Touch revives", 3, func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if _, err := m.Load(ctx, key); errors.Is(err, driver.ErrNotFound) {
				return m.Save(ctx, key, 0, rec)
			}
			return m.Touch(ctx, key, rec)
		}
	}},
	{"Delete removes nothing", 3, func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			_, err := m.Load(ctx, key)
			if v != 0 {
				return errors.Join(err)
			}
			return nil
		}
	}},
	{"Save read before a Delete lands after it", 3, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); old == 0 || err != nil || r.Version != old {
				return m.Save(ctx, key, old, rec)
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	// Expiry.
	{"Load serves the expired", 1, func(f *faulty, m *mapStore) {
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
	{"Touch revives the expired", 1, func(f *faulty, m *mapStore) {
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
	{"Save replaces the expired", 1, func(f *faulty, m *mapStore) {
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
	{"the expired stands in a creation's way", 1, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			var there bool
			f.records(func(r mapRecords) { _, there = r[m.at(key)] })
			if old == 0 && there {
				return driver.ErrConflict
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"All shows the expired", 1, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] { return late(m).All(ctx) }
	}},
	{"the server's clock", 1, func(f *faulty, m *mapStore) { m.now = time.Now }},
	{"expiry in whole seconds", 1, func(f *faulty, m *mapStore) {
		now := m.now
		m.now = func() time.Time { return now().Truncate(time.Second) }
	}},
	{"a lifetime over 30 days is a date", 1, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if rec.Expires-rec.Created > 30*24*hour && old == 0 {
				return nil
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"half a record", 1, func(f *faulty, m *mapStore) {
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
	// Order and keys.
	{"Load from a cache", 4, func(f *faulty, m *mapStore) {
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
	{"keys cut short", 4, func(f *faulty, m *mapStore) {
		cut := func(k driver.Key) driver.Key { clear(k[16:]); return k }
		f.load = func(ctx context.Context, k driver.Key) (driver.Record, error) { return m.Load(ctx, cut(k)) }
		f.save = func(ctx context.Context, k driver.Key, old driver.Version, rec driver.Record) error {
			return m.Save(ctx, cut(k), old, rec)
		}
	}},
	{"no namespaces", 4, func(f *faulty, m *mapStore) { m.namespace = "" }},
	{"namespaces end at 32 characters", 4, func(f *faulty, m *mapStore) { m.namespace = m.namespace[:min(len(m.namespace), 32)] }},
	{"Save of a new owner keeps the old one", 4, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && r.Owner != "" {
				rec.Owner = r.Owner
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	// Contexts.
	{"contexts are ignored", 5, func(f *faulty, m *mapStore) {
		f.save = func(_ context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			return m.Save(context.Background(), key, old, rec)
		}
	}},
	{"a listing ignores its context", 5, func(f *faulty, m *mapStore) {
		f.all = func(context.Context) iter.Seq2[driver.Entry, error] { return m.All(context.Background()) }
	}},
	{"a context's end in words only", 5, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			if err := ctx.Err(); err != nil {
				return driver.Record{}, errors.New(err.Error())
			}
			return m.Load(ctx, key)
		}
	}},
	// Bytes.
	{"Save keeps the slice", 6, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			if err == nil {
				f.records(func(r mapRecords) { r[m.at(key)] = rec })
			}
			return err
		}
	}},
	{"Save writes behind the slice", 6, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			_ = append(rec.Data, 0)
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"Load returns the slice it keeps", 6, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			f.records(func(m2 mapRecords) {
				if err == nil {
					r = m2[m.at(key)]
				}
			})
			return r, err
		}
	}},
	{"a listing yields the slice that is kept", 6, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				f.records(func(r mapRecords) { e.Record = r[m.at(e.Key)] })
				return yield(e, nil)
			})
		}
	}},
	{"data ends at 64 KiB", 6, func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { return b[:min(len(b), 65535)] })
	}},
	{"data ends at NUL", 6, func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { b, _, _ = bytes.Cut(b, []byte{0}); return b })
	}},
	{"data is made valid UTF-8", 6, func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("?")) })
	}},
	{"data loses trailing spaces", 6, func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { return bytes.TrimRight(b, " ") })
	}},
	{"empty data is refused", 6, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if len(rec.Data) == 0 {
				return errors.New("value must not be empty")
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{"versions pass through a float", 6, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			r.Version = driver.Version(float64(r.Version))
			return r, err
		}
	}},
	{"over the limit in its own words", 6, func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if len(rec.Data) > brokenMaxData {
				return errors.New("value too long for column")
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	// Damage.
	{"a damaged record is not found", 7, func(f *faulty, m *mapStore) {
		load := f.load
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := load(ctx, key)
			if errors.Is(err, driver.ErrCorrupt) {
				err = driver.ErrNotFound
			}
			return r, err
		}
	}},
	{"a damaged record ends the listing", 7, func(f *faulty, m *mapStore) {
		all := f.all
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(all(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool { return yield(e, nil) })
		}
	}},
	{"a damaged record ends the sweep", 7, func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			f.records(func(r mapRecords) {
				for _, rec := range r {
					if rec.Version == 0 {
						err = driver.ErrCorrupt
					}
				}
			})
			if err != nil {
				return 0, err
			}
			return m.Sweep(ctx)
		}
	}},
	{"a damaged record cannot be deleted", 7, func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if _, err := f.load(ctx, key); errors.Is(err, driver.ErrCorrupt) {
				return err
			}
			return m.Delete(ctx, key, v)
		}
	}},
	// Removal.
	{"a sweep that removes all", 8, func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			n, err = m.Sweep(ctx)
			f.records(func(r mapRecords) { clear(r) })
			return n, err
		}
	}},
	{"a sweep that never removes", 8, func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			for _, err := range late(m).All(ctx) {
				if err == nil {
					n++
				}
			}
			return n, nil
		}
	}},
	{"a sweep that removes one batch", 8, func(f *faulty, m *mapStore) {
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
	{"a sweep by the first expiry", 8, func(f *faulty, m *mapStore) {
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
	{"a sweep that looks, then deletes", 8, func(f *faulty, m *mapStore) {
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
	{"no removal by itself", 8, func(f *faulty, m *mapStore) { m.stop = func() {} }},
	// Listings.
	{"a listing that repeats", 9, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return yield(e, nil) && (e.Key[0] > 32 || yield(e, nil))
			})
		}
	}},
	{"a listing of one page", 9, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			n := 0
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				n++
				return n <= 100 && yield(e, nil)
			})
		}
	}},
	{"a listing in pages by offset", 9, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				for offset := 0; ; offset += 20 {
					entries, err := collect(m.All(ctx))
					if err != nil {
						yield(driver.Entry{}, err)
						return
					}
					if offset >= len(entries) {
						return
					}
					slices.SortFunc(entries, func(a, b driver.Entry) int { return bytes.Compare(a.Key[:], b.Key[:]) })
					for _, e := range entries[offset:min(offset+20, len(entries))] {
						if !yield(e, nil) {
							return
						}
					}
				}
			}
		}
	}},
	{"a listing that holds its lock", 9, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			entries, err := collect(m.All(ctx))
			return func(yield func(driver.Entry, error) bool) {
				if err != nil {
					yield(driver.Entry{}, err)
					return
				}
				f.records(func(mapRecords) {
					for _, e := range entries {
						if !yield(e, nil) {
							return
						}
					}
				})
			}
		}
	}},
	{"a listing broken off keeps its lock", 9, func(f *faulty, m *mapStore) {
		var mu sync.Mutex
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				mu.Lock()
				for e, err := range m.All(ctx) {
					if !yield(e, err) {
						return
					}
				}
				mu.Unlock()
			}
		}
	}},
	{"All lists every namespace", 9, func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				var entries []driver.Entry
				f.records(func(r mapRecords) {
					for at, rec := range r {
						if !rec.Expired(m.now()) {
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
	}},
	// Owners.
	{"an owner index that misses", 10, func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return rewrite(m.Owned(ctx, owner), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return e.Record.Accessed != e.Record.Created || yield(e, nil)
			})
		}
	}},
	{"an owner index that shows the dead", 10, func(f *faulty, m *mapStore) {
		dead := map[string][]driver.Entry{}
		var mu sync.Mutex
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			rec, _ := m.Load(ctx, key)
			mu.Lock()
			dead[rec.Owner] = append(dead[rec.Owner], driver.Entry{Key: key, Record: rec})
			mu.Unlock()
			return m.Delete(ctx, key, v)
		}
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				mu.Lock()
				gone := dead[owner]
				mu.Unlock()
				for _, e := range gone {
					if !yield(e, nil) {
						return
					}
				}
				for e, err := range m.Owned(ctx, owner) {
					if !yield(e, err) {
						return
					}
				}
			}
		}
	}},
	{"Owned shows the expired", 1, func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return late(m).Owned(ctx, owner)
		}
	}},
	{"owners are compared without case", 10, ownedIf(strings.EqualFold)},
	{"owners are compared without trailing spaces", 10, ownedIf(func(a, b string) bool {
		return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
	})},
	{"owners are patterns", 10, ownedIf(func(a, pattern string) bool {
		prefix, ok := strings.CutSuffix(pattern, "%")
		return a == pattern || ok && strings.HasPrefix(a, prefix)
	})},
	{"an empty owner owns the ownerless", 10, ownedIf(func(a, b string) bool { return a == b })},
	{"an owner index written behind the record", 10, func(f *faulty, m *mapStore) {
		var mu sync.Mutex
		indexed := map[driver.Key]bool{}
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			go func() {
				mu.Lock()
				defer mu.Unlock()
				indexed[key] = true
			}()
			return err
		}
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			mu.Lock()
			defer mu.Unlock()
			entries, err := collect(m.Owned(ctx, owner))
			var known []driver.Entry
			for _, e := range entries {
				if indexed[e.Key] {
					known = append(known, e)
				}
			}
			return func(yield func(driver.Entry, error) bool) {
				for _, e := range known {
					if !yield(e, nil) {
						return
					}
				}
				if err != nil {
					yield(driver.Entry{}, err)
				}
			}
		}
	}},
	// Close.
	{"a second Close hangs", 11, func(f *faulty, m *mapStore) {
		closed := make(chan struct{}, 1)
		f.close = func() error { closed <- struct{}{}; return m.Close() }
	}},
	{"a second Close is an error", 11, func(f *faulty, m *mapStore) {
		var once sync.Once
		f.close = func() error {
			err := os.ErrClosed
			once.Do(func() { err = m.Close() })
			return err
		}
	}},
	{"Load works after Close", 11, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			if errors.Is(err, driver.ErrClosed) {
				err = driver.ErrNotFound
			}
			return r, err
		}
	}},
	{"Close leaves a goroutine", 11, func(f *faulty, m *mapStore) {
		forever := make(chan struct{})
		end := sync.OnceFunc(func() { close(forever) })
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			go func() { <-forever }()
			return m.Load(ctx, key)
		}
		f.close = func() error {
			time.AfterFunc(2*time.Second, end) // long after the suite gave up
			return m.Close()
		}
	}},
	{"Close waits for a listing that waits for it", 11, func(f *faulty, m *mapStore) {
		var mu sync.RWMutex
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return func(yield func(driver.Entry, error) bool) {
				mu.RLock()
				defer mu.RUnlock()
				for e, err := range m.All(ctx) {
					if !yield(e, err) {
						return
					}
					time.Sleep(time.Millisecond)
				}
			}
		}
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			mu.RLock()
			defer mu.RUnlock()
			return m.Load(ctx, key)
		}
		f.close = func() error {
			mu.Lock()
			defer mu.Unlock()
			return m.Close()
		}
	}},
	{"Close fails those under way", 11, func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			if errors.Is(err, driver.ErrClosed) {
				err = errors.New("database is closed")
			}
			return r, err
		}
	}},
}

// pause lets others in, between a check and what it was for.
func pause() { time.Sleep(50 * time.Microsecond) }

// brokenMaxData is the limit that the broken stores' harness states.
const brokenMaxData = 1<<20 + 5

func resurrectingSave(f *faulty, m *mapStore) {
	f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
		if _, err := m.Load(ctx, key); errors.Is(err, driver.ErrNotFound) {
			old = 0
		}
		return m.Save(ctx, key, old, rec)
	}
}

// touchThen touches, and changes the record a little further.
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

// ownedIf compares owners in a way of its own.
func ownedIf(same func(owner, asked string) bool) func(*faulty, *mapStore) {
	return func(f *faulty, m *mapStore) {
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				return !same(e.Record.Owner, owner) || yield(e, nil)
			})
		}
	}
}

// late is the same store with a clock that is a day slow.
func late(m *mapStore) *mapStore {
	return &mapStore{namespace: m.namespace, do: m.do, now: func() time.Time { return m.now().Add(-24 * time.Hour) }}
}

// brokenHarness opens stores with one thing broken.
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
		Damage: func(cfg driver.Config, key driver.Key) error {
			m := newMapStore(cfg, d.backend(cfg).do)
			return m.do(func(r mapRecords) error {
				rec := r[m.at(key)]
				rec.Version, rec.Data = 0, nil
				r[m.at(key)] = rec
				return nil
			})
		},
	}
}

func TestBrokenStores(t *testing.T) {
	for _, b := range breakages {
		t.Run(b.name, func(t *testing.T) {
			s := newSuite(brokenHarness(b.do), t.Name())
			s.timeout, s.settle = time.Second, 200*time.Millisecond
			// A race that does not happen shows nothing, so there are several
			// goes; nearly all are caught by the first.
			for range 20 {
				for _, c := range cases {
					if c.rule != b.rule {
						continue
					}
					for _, f := range s.run(t, c).failures {
						if f.rule == b.rule {
							t.Logf("caught by %s: %s", f.name, f)
							return
						}
					}
				}
			}
			t.Errorf("no case of rule %d saw this", b.rule)
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
		"as declared":                   {func(*faulty, *mapStore) {}, nil, 0},
		"declared, yet there":           {func(*faulty, *mapStore) {}, map[Ability]string{List: "a lie"}, 1},
		"unsupported, yet not declared": {func(f *faulty, _ *mapStore) { f.all = unsupported }, nil, 1},
		"unsupported and declared":      {func(f *faulty, _ *mapStore) { f.all = unsupported }, map[Ability]string{List: "no names"}, 0},
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

// A Close that hangs is told by its own rule, whatever the case was about; and
// after some cases that hang, the suite gives up.
func TestCloseThatHangs(t *testing.T) {
	s := newSuite(brokenHarness(func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			_ = m.gate.Enter() // and no Leave
			return m.Load(ctx, key)
		}
	}), t.Name())
	s.timeout = 300 * time.Millisecond
	got := s.check(t, func(c testCase) bool { return c.name == "load-nothing" || c.name == "reopen-goes-on" })
	if len(got) != 2 || s.hung.Load() != 2 {
		t.Fatalf("%d cases hung, and the failures are %v", s.hung.Load(), got)
	}
	for _, f := range got {
		if f.rule != 11 || !strings.HasPrefix(f.saw, "Close did not return.") || !strings.Contains(f.saw, "Gate") {
			t.Errorf("%s: %v", f.name, f)
		}
	}
}

// A case that hangs fails in time, and says where.
func TestWatchdog(t *testing.T) {
	s := newSuite(brokenHarness(func(f *faulty, _ *mapStore) {
		f.load = func(context.Context, driver.Key) (driver.Record, error) { select {} }
	}), t.Name())
	s.timeout = 50 * time.Millisecond
	got := s.check(t, func(c testCase) bool { return c.name == "load-nothing" })
	if len(got) != 1 || !strings.Contains(got[0].saw, "loadNothing") {
		t.Errorf("got %v", got)
	}
}
