package otelsessions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/pump-go/sessions/driver"
)

// store wraps another store. It implements the optional interfaces, and returns
// errors.ErrUnsupported for those that the other does not implement, which the manager
// treats the same.
type store struct {
	inner driver.Store
	recorder
}

var (
	_ driver.Lister  = store{}
	_ driver.Owners  = store{}
	_ driver.Renewer = store{}
	_ driver.Sweeper = store{}
)

func (s store) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	c := s.begin(ctx, "load", session(key))
	rec, err := s.inner.Load(c.ctx, key)
	c.end(err)
	return rec, err
}

func (s store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	operation := "save"
	if old == 0 {
		operation = "create"
	}
	c := s.begin(ctx, operation, session(key))
	err := s.inner.Save(c.ctx, key, old, rec)
	c.end(err)
	return err
}

func (s store) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	renewer, ok := s.inner.(driver.Renewer)
	if !ok {
		return errUnsupported
	}
	c := s.begin(ctx, "renew", session(key))
	err := renewer.Renew(c.ctx, oldKey, old, forward, key, rec)
	c.end(err)
	return err
}

func (s store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	c := s.begin(ctx, "touch", session(key))
	err := s.inner.Touch(c.ctx, key, rec)
	c.end(err)
	return err
}

func (s store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	c := s.begin(ctx, "delete", session(key))
	err := s.inner.Delete(c.ctx, key, version)
	c.end(err)
	return err
}

func (s store) Close() error { return s.inner.Close() }

// Unwrap returns the wrapped store, for driver.As.
func (s store) Unwrap() driver.Store { return s.inner }

func (s store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	lister, ok := driver.As[driver.Lister](s.inner)
	if !ok {
		return unlisted
	}
	return s.listing(ctx, "list", lister.All)
}

func (s store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	owners, ok := driver.As[driver.Owners](s.inner)
	if !ok {
		return unlisted
	}
	return s.listing(ctx, "owned", func(ctx context.Context) iter.Seq2[driver.Entry, error] {
		return owners.Owned(ctx, owner)
	})
}

func (s store) Sweep(ctx context.Context) (int, error) {
	sweeper, ok := driver.As[driver.Sweeper](s.inner)
	if !ok {
		return 0, errUnsupported
	}
	c := s.begin(ctx, "sweep")
	n, err := sweeper.Sweep(c.ctx)
	c.span.SetAttributes(attribute.Int("sessions.count", n))
	c.end(err)
	return n, err
}

// listing records a listing as one call, including the program's time between steps. A
// damaged record is not a failure of the listing.
func (s store) listing(ctx context.Context, operation string, list func(context.Context) iter.Seq2[driver.Entry, error]) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		c := s.begin(ctx, operation)
		n, failed := 0, error(nil)
		defer func() {
			c.span.SetAttributes(attribute.Int("sessions.count", n))
			c.end(failed)
		}()
		for e, err := range list(c.ctx) {
			if err == nil {
				n++
			} else if !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat) {
				failed = err
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

var errUnsupported = fmt.Errorf("otelsessions: the store cannot: %w", errors.ErrUnsupported)

func unlisted(yield func(driver.Entry, error) bool) { yield(driver.Entry{}, errUnsupported) }

// sealing is a store that seals records into tokens.
type sealing struct {
	store
	sealer driver.Sealer
}

var _ driver.Sealer = sealing{}

func (s sealing) Seal(key driver.Key, rec driver.Record) (string, error) {
	c := s.measure("seal")
	token, err := s.sealer.Seal(key, rec)
	c.end(err)
	return token, err
}

func (s sealing) Unseal(token string) (driver.Sealed, error) {
	c := s.measure("unseal")
	sealed, err := s.sealer.Unseal(token)
	c.end(err)
	return sealed, err
}

// measure starts a call without a span.
func (r *recorder) measure(operation string) call {
	return call{recorder: r, ctx: context.Background(), operation: operation, began: time.Now()}
}
