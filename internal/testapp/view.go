package testapp

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// wrap returns the store as a manager sees it, with the optional interfaces that
// it has.
func (f *Store) wrap(inner driver.Store) driver.Store {
	v := &view{f: f, inner: inner}
	if sealer, ok := inner.(driver.Sealer); ok {
		return sealerView{v, sealer}
	}
	lister, lists := inner.(driver.Lister)
	owners, owns := inner.(driver.Owners)
	sweeper, sweeps := inner.(driver.Sweeper)
	if !lists || !owns {
		return v
	}
	if sweeps {
		return sweeperView{listerView{v, lister, owners}, sweeper}
	}
	return listerView{v, lister, owners}
}

type view struct {
	f      *Store
	inner  driver.Store
	closed atomic.Bool
}

func (v *view) call(ctx context.Context, kind string, apply func(context.Context) error) error {
	if v.closed.Load() {
		return driver.ErrClosed
	}
	return v.f.call(ctx, kind, apply)
}

func (v *view) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = v.call(ctx, "Load", func(ctx context.Context) (err error) {
		rec, err = v.inner.Load(ctx, key)
		return err
	})
	return rec, err
}

func (v *view) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return v.call(ctx, "Save", func(ctx context.Context) error { return v.inner.Save(ctx, key, old, rec) })
}

func (v *view) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	renewer, ok := v.inner.(driver.Renewer)
	if !ok || v.f.hidesRenewer() {
		return errors.ErrUnsupported
	}
	return v.call(ctx, "Renew", func(ctx context.Context) error { return renewer.Renew(ctx, oldKey, old, forward, key, rec) })
}

func (v *view) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return v.call(ctx, "Touch", func(ctx context.Context) error { return v.inner.Touch(ctx, key, rec) })
}

func (v *view) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return v.call(ctx, "Delete", func(ctx context.Context) error { return v.inner.Delete(ctx, key, version) })
}

// Close leaves the store open for other managers, unless it is the manager's own.
func (v *view) Close() error {
	v.closed.Store(true)
	if _, ok := v.inner.(driver.Sealer); ok {
		return v.inner.Close()
	}
	return nil
}

type sealerView struct {
	*view
	sealer driver.Sealer
}

func (v sealerView) Seal(key driver.Key, rec driver.Record) (token string, err error) {
	err = v.call(context.Background(), "Seal", func(context.Context) (err error) {
		token, err = v.sealer.Seal(key, rec)
		return err
	})
	return token, err
}

func (v sealerView) Unseal(token string) (driver.Sealed, error) { return v.sealer.Unseal(token) }

type listerView struct {
	*view
	lister driver.Lister
	owners driver.Owners
}

type sweeperView struct {
	listerView
	sweeper driver.Sweeper
}

func (v sweeperView) Sweep(ctx context.Context) (int, error) {
	if v.closed.Load() {
		return 0, driver.ErrClosed
	}
	return v.sweeper.Sweep(ctx)
}

func (v listerView) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	if v.closed.Load() {
		return func(yield func(driver.Entry, error) bool) { yield(driver.Entry{}, driver.ErrClosed) }
	}
	return v.lister.All(ctx)
}

// Owned counts as one call, and a fault of it ends the listing. Fault.After runs
// in the course of the listing: it does not show records that are added then, nor
// those that are removed.
func (v listerView) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var found []driver.Entry
		err := v.call(ctx, "Owned", func(ctx context.Context) error {
			for e, err := range v.owners.Owned(ctx, owner) {
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
			if rec, err := v.inner.Load(ctx, e.Key); err == nil && !yield(driver.Entry{Key: e.Key, Record: rec}, nil) {
				return
			}
		}
	}
}
