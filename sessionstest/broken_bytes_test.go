package sessionstest

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/pump-go/sessions/driver"
)

// byteBreakages break bytes and damage.
var byteBreakages = []breakage{
	// Bytes.
	{name: "Save keeps the slice", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			err := m.Save(ctx, key, old, rec)
			if err == nil {
				f.records(func(r mapRecords) { r[m.at(key)] = rec })
			}
			return err
		}
	}},
	{name: "Save writes beyond the slice's length", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			_ = append(rec.Data, 0)
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "Load returns the stored slice", rule: 6, do: func(f *faulty, m *mapStore) {
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
	{name: "a listing yields the stored slice", rule: 6, do: func(f *faulty, m *mapStore) {
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(m.All(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool {
				f.records(func(r mapRecords) { e.Record = r[m.at(e.Key)] })
				return yield(e, nil)
			})
		}
	}},
	{name: "data ends at 64 KiB", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { return b[:min(len(b), 65535)] })
	}},
	{name: "data ends at NUL", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { b, _, _ = bytes.Cut(b, []byte{0}); return b })
	}},
	{name: "data is made valid UTF-8", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("?")) })
	}},
	{name: "data loses trailing spaces", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = saveData(m, func(b []byte) []byte { return bytes.TrimRight(b, " ") })
	}},
	{name: "empty data is refused", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if len(rec.Data) == 0 {
				return errors.New("value must not be empty")
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	{name: "versions pass through a float", rule: 6, do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			r.Version = driver.Version(float64(r.Version))
			return r, err
		}
	}},
	{name: "an error of its own in place of ErrTooLarge", rule: 6, do: func(f *faulty, m *mapStore) {
		f.save = func(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
			if len(rec.Data) > brokenMaxData {
				return errors.New("value too long for column")
			}
			return m.Save(ctx, key, old, rec)
		}
	}},
	// Damage.
	{name: "a damaged record is not found", rule: 7, do: func(f *faulty, m *mapStore) {
		load := f.load
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := load(ctx, key)
			if errors.Is(err, driver.ErrCorrupt) {
				err = driver.ErrNotFound
			}
			return r, err
		}
	}},
	{name: "a damaged record ends the listing", rule: 7, do: func(f *faulty, m *mapStore) {
		all := f.all
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(all(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool { return yield(e, nil) })
		}
	}},
	{name: "a damaged record ends the sweep", rule: 7, do: func(f *faulty, m *mapStore) {
		f.sweep = func(ctx context.Context) (n int, err error) {
			f.records(func(r mapRecords) {
				for _, rec := range r {
					if rec.Version == damagedVersion {
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
	{name: "a damaged record cannot be deleted", rule: 7, do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if _, err := f.load(ctx, key); errors.Is(err, driver.ErrCorrupt) {
				return err
			}
			return m.Delete(ctx, key, v)
		}
	}},
	{name: "a damaged record ends Owned", rule: 7, by: "damaged-owned", do: func(f *faulty, m *mapStore) {
		owned := f.owned
		f.owned = func(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
			return rewrite(owned(ctx, owner), func(e driver.Entry, yield func(driver.Entry, error) bool) bool { return yield(e, nil) })
		}
	}},
	{name: "a newer record is taken for a damaged one", rule: 7, by: "newer-format", do: func(f *faulty, m *mapStore) {
		load := f.load
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := load(ctx, key)
			if errors.Is(err, driver.ErrNewerFormat) {
				err = driver.ErrCorrupt
			}
			return r, err
		}
	}},
	{name: "a newer record cannot be deleted", rule: 7, by: "newer-format", do: func(f *faulty, m *mapStore) {
		f.del = func(ctx context.Context, key driver.Key, v driver.Version) error {
			if _, err := f.load(ctx, key); errors.Is(err, driver.ErrNewerFormat) {
				return err
			}
			return m.Delete(ctx, key, v)
		}
	}},
	{name: "a newer record ends the listing", rule: 7, by: "newer-format-listing", do: func(f *faulty, m *mapStore) {
		all := f.all
		f.all = func(ctx context.Context) iter.Seq2[driver.Entry, error] {
			return rewrite(all(ctx), func(e driver.Entry, yield func(driver.Entry, error) bool) bool { return yield(e, nil) })
		}
	}},
}
