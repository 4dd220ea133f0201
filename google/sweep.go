package google

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions/driver"
)

// batch is the maximum number of entities that one step of a sweep removes.
const batch = 100

// Sweep removes expired records. It returns errors.ErrUnsupported if a TTL policy
// removes them.
func (s *store) Sweep(ctx context.Context) (int, error) {
	if s.settings.TTL {
		return 0, fmt.Errorf("google: sweep: a TTL policy removes expired sessions: %w", errors.ErrUnsupported)
	}
	now := timestamp(driver.MillisOf(s.cfg.Now()))
	removed := 0
	for {
		var keys []*datastore.Key
		n := 0
		err := s.do(ctx, "sweep", func(ctx context.Context) (err error) {
			keys, err = s.client.GetAll(ctx, s.query().FilterField(expiresProperty, "<=", now).Limit(batch), nil)
			if err != nil || len(keys) == 0 {
				return err
			}
			gone, err := s.removeExpired(ctx, keys, now)
			n += gone
			return err
		})
		removed += n
		// If nothing of a batch was removed, the next query may return the same
		// batch: the index lags behind, or other machines are sweeping too.
		if err != nil || len(keys) < batch || n == 0 {
			return removed, err
		}
	}
}

// removeExpired removes those of the entities that are still expired, in one commit.
// If one of them changes meanwhile, it removes them one by one.
func (s *store) removeExpired(ctx context.Context, keys []*datastore.Key, now time.Time) (int, error) {
	n, err := s.compareAndSwap(ctx, keys, func(i int, e *entity) (*datastore.Mutation, error) {
		// The property has the record's expiry. By the property, damaged records are
		// removed too when they expire.
		if e == nil || e.expires.IsZero() || e.expires.After(now) {
			return nil, nil
		}
		return datastore.NewDelete(keys[i]), nil
	})
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, errChanged):
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
