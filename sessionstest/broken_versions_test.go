package sessionstest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// versionBreakages break versions, conflicts, deletion and the methods' documentation.
var versionBreakages = []breakage{
	// Versions and conflicts.
	{name: "Save ignores the version", rule: 2, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && old != 0 {
				old = r.Version
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "Save with old 0 overwrites", rule: 2, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old == 0 {
				_ = m.Delete(ctx, key, 0)
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "Save at a version creates", rule: 2, do: resurrectingSave},
	{name: "Save restores a deleted record", rule: 3, do: resurrectingSave},
	{name: "Save checks, then acts", rule: 2, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil && r.Version != old || err != nil && old != 0 {
				return driver.ErrConflict
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	{name: "creation checks, then acts", rule: 2, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if _, err := m.Load(ctx, key); old != 0 || err == nil {
				return m.Save(ctx, key, old, rec)
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	{name: "a conflicting Save deletes", rule: 2, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			if errors.Is(err, driver.ErrConflict) {
				_ = m.Delete(ctx, key, 0)
			}
			return err
		}
	}},
	{name: "ErrConflict for a Save that was written", rule: 2, do: func(f *faulty, m *mapStore) {
		var n int
		var mu sync.Mutex
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if n++; n%50 == 0 { // as a retried write would
				_ = m.Save(ctx, key, old, rec)
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "ErrNotFound in place of ErrConflict", rule: 2, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if _, err := m.Load(ctx, key); err != nil && old != 0 {
				return driver.ErrNotFound
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "Delete ignores the version", rule: 2, do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error { return m.Delete(ctx, key, 0) }
	}},
	{name: "Delete checks, then acts", rule: 2, do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if r, err := m.Load(ctx, key); v != 0 && (err != nil || r.Version != v) {
				return driver.ErrConflict
			}
			pause()
			return m.Delete(ctx, key, 0)
		}
	}},
	{name: "Touch ignores the version", rule: 2, do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil {
				rec.Version = r.Version
			}
			return m.Touch(ctx, key, rec)
		}
	}},
	{name: "Touch writes the whole record, unguarded", rule: 2, do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err != nil || r.Version != rec.Version {
				return driver.ErrConflict
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	// The methods' documentation.
	{name: "an error of its own in place of ErrNotFound", rule: 0, do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			if err != nil {
				err = errors.New("no rows")
			}
			return r, err
		}
	}},
	{name: "Delete with no record is an error", rule: 0, do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if _, err := m.Load(ctx, key); v == 0 && errors.Is(err, driver.ErrNotFound) {
				return err
			}
			return m.Delete(ctx, key, v)
		}
	}},
	{name: "Touch changes the version", rule: 0, do: func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Version = newVersion() })
	}},
	{name: "Touch changes the data", rule: 0, do: func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Data = nil })
	}},
	{name: "Touch forgets the owner", rule: 0, do: func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Owner = "" })
	}},
	{name: "Touch sets Created", rule: 0, do: func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Created = r.Accessed })
	}},
	{name: "Touch leaves Accessed", rule: 0, do: func(f *faulty, m *mapStore) {
		f.touch = touchThen(f, m, func(r *driver.Record) { r.Accessed-- })
	}},
	{name: "a hint from before a Touch conflicts", rule: 0, do: func(f *faulty, m *mapStore) {
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
	{name: "a store that needs its hint", rule: 0, do: func(f *faulty, m *mapStore) {
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
	{name: "Touch restores a deleted record", rule: 3, do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if _, err := m.Load(ctx, key); errors.Is(err, driver.ErrNotFound) {
				return m.Save(ctx, key, 0, rec)
			}
			return m.Touch(ctx, key, rec)
		}
	}},
	{name: "Delete removes nothing", rule: 3, do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			_, err := m.Load(ctx, key)
			if v != 0 {
				return errors.Join(err)
			}
			return nil
		}
	}},
	{name: "Save writes after a concurrent Delete", rule: 3, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if r, err := m.Load(ctx, key); old == 0 || err != nil || r.Version != old {
				return m.Save(ctx, key, old, rec)
			}
			pause()
			f.records(func(r mapRecords) { r[m.at(key)] = own(rec) })
			return nil
		}
	}},
	{name: "ErrConflict for each Save that was written", rule: 2, says: "although it wrote its record", do: func(f *faulty, m *mapStore) {
		var n atomic.Int64
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			if err == nil && n.Add(1)%7 == 0 {
				err = driver.ErrConflict
			}
			return err
		}
	}},
	{name: "ErrNotWritten for each Save that was written", rule: 2, says: "driver.ErrNotWritten, although it wrote its record", do: func(f *faulty, m *mapStore) {
		var n atomic.Int64
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			if err == nil && n.Add(1)%7 == 0 {
				err = driver.ErrNotWritten
			}
			return err
		}
	}},
	{name: "ErrConflict for a Touch that was written", rule: 2, by: "touch-at-wrong-version", says: "Touch returned driver.ErrConflict, although it wrote", do: func(f *faulty, m *mapStore) {
		f.touch = func(ctx context.Context, key driver.Key, rec driver.Record) error {
			if r, err := m.Load(ctx, key); err == nil {
				rec.Version = r.Version
			}
			_ = m.Touch(ctx, key, rec)
			return driver.ErrConflict
		}
	}},
	{name: "ErrConflict for a Delete that was written", rule: 2, by: "delete-at-version", says: "but the record is gone", do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			_ = m.Delete(ctx, key, v)
			return m.Delete(ctx, key, v) // as a client that retries
		}
	}},
	{name: "ErrConflict for a Save that was written as its context ended", rule: 2, by: "context-ends-during-saves", says: "although it wrote its record", do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			pause()
			err := m.Save(context.Background(), key, old, rec)
			if ctx.Err() != nil {
				return driver.ErrConflict
			}
			return err
		}
	}},
	{name: "a compare-and-swap that loses one write in a thousand", rule: 2, by: "race-counter", do: func(f *faulty, m *mapStore) {
		var n atomic.Int64
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if old != 0 && n.Add(1)%1000 == 0 {
				return nil
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
}
