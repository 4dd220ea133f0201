package sessionstest

import (
	"context"
	"errors"

	"github.com/pump-go/sessions/driver"
)

// renewing returns a fault that replaces Renew by f.
func renewing(f func(f *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error) func(*faulty, *mapStore) {
	return func(s *faulty, m *mapStore) {
		s.renew = func(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return f(s, m, ctx, driver.Entry{Key: oldKey, Record: forward}, old, driver.Entry{Key: key, Record: rec})
		}
	}
}

// write stores an entry unconditionally.
func (f *faulty) write(m *mapStore, e driver.Entry) {
	f.records(func(r mapRecords) { r[m.at(e.Key)] = own(e.Record) })
}

var renewBreakages = []breakage{
	{name: "Renew writes the forward alone", by: "renew", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, _ driver.Entry) error {
			return m.Save(ctx, from.Key, old, from.Record)
		})},
	{name: "Renew writes the new record alone", by: "renew", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if r, err := m.Load(ctx, from.Key); err != nil || r.Version != old {
				return driver.ErrConflict
			}
			return m.Save(ctx, to.Key, 0, to.Record)
		})},
	{name: "Renew writes the new record and then the forward", rule: 2, by: "renew-at-wrong-version", says: "although it wrote", do: renewing(twoSaves)},
	{name: "Renew takes its two writes apart", by: "race-renew-torn", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			err := m.Save(ctx, to.Key, 0, to.Record)
			if err != nil {
				return err
			}
			pause()
			if err = m.Save(ctx, from.Key, old, from.Record); err != nil {
				_ = m.Delete(ctx, to.Key, to.Record.Version)
			}
			return err
		})},
	{name: "Renew ignores the version", rule: 2, by: "renew-at-wrong-version", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if r, err := m.Load(ctx, from.Key); err == nil {
				old = r.Version
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew restores a deleted record", rule: 3, by: "renew-of-deleted", do: renewing(
		func(f *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if _, err := m.Load(ctx, from.Key); errors.Is(err, driver.ErrNotFound) {
				f.write(m, from)
				return m.Save(ctx, to.Key, 0, to.Record)
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew overwrites the record at the new key", rule: 2, by: "renew-as-taken-key", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if r, err := m.Load(ctx, from.Key); err == nil && r.Version == old {
				_ = m.Delete(ctx, to.Key, 0)
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew writes the forward although the new key is taken", rule: 2, by: "renew-as-taken-key", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if err := m.Save(ctx, from.Key, old, from.Record); err != nil {
				return err
			}
			return m.Save(ctx, to.Key, 0, to.Record)
		})},
	{name: "Renew of an expired record", rule: 1, by: "renew-of-expired", do: renewing(
		func(f *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			there := false
			f.records(func(r mapRecords) { rec, ok := r[m.at(from.Key)]; there = ok && rec.Version == old })
			if _, err := m.Load(ctx, to.Key); there && err != nil {
				f.write(m, from)
				f.write(m, to)
				return nil
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew conflicts with an expired record at the new key", rule: 1, by: "renew-over-expired", do: renewing(
		func(f *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			there := false
			f.records(func(r mapRecords) { _, there = r[m.at(to.Key)] })
			if there {
				return driver.ErrConflict
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew checks, then acts", rule: 2, by: "race-renew", do: renewing(
		func(f *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if r, err := m.Load(ctx, from.Key); err != nil || r.Version != old {
				return driver.ErrConflict
			}
			if _, err := m.Load(ctx, to.Key); err == nil {
				return driver.ErrConflict
			}
			pause()
			f.write(m, from)
			f.write(m, to)
			return nil
		})},
	{name: "Renew writes after a concurrent Delete", rule: 3, by: "race-renew-against-delete", do: renewing(
		func(f *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			if r, err := m.Load(ctx, from.Key); err != nil || r.Version != old {
				return driver.ErrConflict
			}
			pause()
			if _, err := m.Load(ctx, from.Key); errors.Is(err, driver.ErrNotFound) {
				f.write(m, from)
				f.write(m, to)
				return nil
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew gives the forward the new record's owner", rule: 10, by: "renew-owners", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			from.Record.Owner = to.Record.Owner
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew gives the new record the forward's expiry", rule: 1, by: "renew-expiry", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			to.Record.Expires = from.Record.Expires
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "Renew ends an owner's text at NUL", rule: 6, by: "renew-hostile-bytes", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			for i, c := range []byte(to.Record.Owner) {
				if c == 0 {
					to.Record.Owner = to.Record.Owner[:i]
					break
				}
			}
			return m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
		})},
	{name: "a Renew that is too large writes the forward", rule: 6, by: "renew-over-the-limit", do: renewing(
		func(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
			err := m.Renew(ctx, from.Key, old, from.Record, to.Key, to.Record)
			if errors.Is(err, driver.ErrTooLarge) {
				_ = m.Save(ctx, from.Key, old, from.Record)
			}
			return err
		})},
	{name: "Renew needs its hint", by: "renew-hint", do: func(f *faulty, m *mapStore) {
		f.load = func(ctx context.Context, key driver.Key) (driver.Record, error) {
			r, err := m.Load(ctx, key)
			r.Hint = r.Version
			return r, err
		}
		f.renew = func(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
			if forward.Hint == nil {
				return driver.ErrConflict
			}
			return m.Renew(ctx, oldKey, old, forward, key, rec)
		}
	}},
	{name: "Renew in the namespace without a name", rule: 4, by: "renew-namespaces", do: func(f *faulty, m *mapStore) {
		f.renew = func(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
			err := m.Renew(ctx, oldKey, old, forward, key, rec)
			if err == nil {
				f.records(func(r mapRecords) {
					for at := range r {
						if at.Key == oldKey && at.Namespace != m.namespace {
							r[at] = own(forward)
						}
					}
				})
			}
			return err
		}
	}},
	{name: "Renew with an ended context", rule: 5, by: "context-already-canceled", do: func(f *faulty, m *mapStore) {
		f.renew = func(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
			return m.Renew(context.WithoutCancel(ctx), oldKey, old, forward, key, rec)
		}
	}},
}

// twoSaves writes the new record, and then the forward.
func twoSaves(_ *faulty, m *mapStore, ctx context.Context, from driver.Entry, old driver.Version, to driver.Entry) error {
	if err := m.Save(ctx, to.Key, 0, to.Record); err != nil {
		return err
	}
	return m.Save(ctx, from.Key, old, from.Record)
}
