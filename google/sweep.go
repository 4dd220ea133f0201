package google

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

// batch is how many entities a step of a sweep removes at most, and groups how
// many of them one transaction may have where Datastore counts those (its
// concurrency mode "optimistic with entity groups").
const (
	batch  = 100
	groups = 25
)

// Sweep removes the records that have expired. Where that is left to a TTL
// policy it answers errors.ErrUnsupported.
func (s *store) Sweep(ctx context.Context) (int, error) {
	if s.at.TTL {
		return 0, fmt.Errorf("google: sweep: a TTL policy does it: %w", errors.ErrUnsupported)
	}
	now := timestamp(driver.MillisOf(s.cfg.Now()))
	removed := 0
	for {
		var keys []*datastore.Key
		n := 0
		err := s.call(ctx, "sweep", func(ctx context.Context) (err error) {
			keys, err = s.client.GetAll(ctx, s.query().FilterField(expiresProperty, "<=", now).Limit(batch), nil)
			if err != nil || len(keys) == 0 {
				return err
			}
			conditions, err := s.conditions(ctx)
			if err != nil {
				return err
			}
			size := groups
			if conditions {
				size = batch
			}
			for some := range slices.Chunk(keys, size) {
				gone, err := s.removeExpired(ctx, some, now)
				n += gone
				if err != nil {
					return err
				}
			}
			return nil
		})
		removed += n
		// A batch of which nothing could be removed would come again and again:
		// the index lags behind, or others are quicker.
		if err != nil || len(keys) < batch || n == 0 {
			return removed, err
		}
	}
}

// removeExpired removes those of the entities that have expired still, all at
// once or, where one of them changes meanwhile, one by one.
func (s *store) removeExpired(ctx context.Context, keys []*datastore.Key, now time.Time) (int, error) {
	n, err := s.swap(ctx, keys, func(i int, found *entity) (*datastore.Mutation, error) {
		// By the property, which says what the record does: so what cannot be
		// read goes too when its time is over.
		if found == nil || found.expires.IsZero() || found.expires.After(now) {
			return nil, nil
		}
		return datastore.NewDelete(keys[i]), nil
	})
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, errMoved):
		return 0, err
	case len(keys) == 1:
		return 0, nil // it was refreshed, or another machine has removed it
	}
	n = 0
	for _, key := range keys {
		one, err := s.removeExpired(ctx, []*datastore.Key{key}, now)
		n += one
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
