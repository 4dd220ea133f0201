package google

import (
	"context"
	cryptorand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"cloud.google.com/go/datastore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/pump-go/sessions/driver"
)

// errChanged is returned when an entity has changed since it was looked up.
// Nothing was written.
var errChanged = errors.New("the entity has changed")

// asChanged wraps errChanged around the error of a commit whose precondition failed:
// the version differs, the entity to insert exists, the one to update does not, or
// another commit was first. The caller looks the entity up again in each case.
func asChanged(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound, codes.Aborted:
		return fmt.Errorf("%w: %w", errChanged, err)
	}
	return err
}

// checkServer returns an error if the server ignores preconditions. It asks the
// server once for each store, by deleting an entity that does not exist on the
// precondition of a version: that must fail.
func (s *store) checkServer(ctx context.Context) error {
	if s.serverChecked.Load() {
		return nil
	}
	missing := &datastore.Key{Kind: s.settings.Kind, Name: "never" + cryptorand.Text(), Namespace: s.settings.Namespace}
	err := s.commit(ctx, &request{baseVersions: []int64{1}}, datastore.NewDelete(missing))
	switch status.Code(err) {
	case codes.OK:
		return errors.New("the server ignores the base versions of commits, which the store needs to detect conflicts")
	case codes.FailedPrecondition, codes.Aborted: // no other commit uses that key
		s.serverChecked.Store(true)
		return nil
	}
	return err
}

// commit sends mutations with the request's preconditions.
func (s *store) commit(ctx context.Context, r *request, mutations ...*datastore.Mutation) error {
	_, err := s.client.Mutate(withRequest(ctx, r), mutations...)
	var each datastore.MultiError // of mutations that are invalid
	if errors.As(err, &each) {
		return errors.Join(each...)
	}
	return err
}

// decide returns the mutation for entity i, given its present state or nil if it
// does not exist. A nil mutation leaves the entity as it is; an error stops
// compareAndSwap.
type decide func(i int, e *entity) (*datastore.Mutation, error)

// compareAndSwap looks up entities and changes them in one commit, which fails as a
// whole if one of them has changed since. It returns the number of mutations, or an
// error that wraps errChanged.
func (s *store) compareAndSwap(ctx context.Context, keys []*datastore.Key, decide decide) (int, error) {
	if err := s.checkServer(ctx); err != nil {
		return 0, err
	}
	entities, lookup, err := s.lookup(ctx, keys)
	if err != nil {
		return 0, err
	}
	var mutations []*datastore.Mutation
	var baseVersions []int64
	for i, key := range keys {
		m, err := decide(i, entities[i])
		if err != nil {
			return 0, err
		}
		if m != nil {
			mutations, baseVersions = append(mutations, m), append(baseVersions, lookup.version(key))
		}
	}
	if mutations == nil {
		return 0, nil
	}
	return len(mutations), asChanged(s.commit(ctx, &request{baseVersions: baseVersions}, mutations...))
}

// lookup returns the entities at keys, nil for those that do not exist, and the
// request that has their versions.
func (s *store) lookup(ctx context.Context, keys []*datastore.Key) ([]*entity, *request, error) {
	r, entities := &request{}, make([]*entity, len(keys))
	for i := range entities {
		entities[i] = &entity{}
	}
	err := s.client.GetMulti(withRequest(ctx, r), keys, entities)
	var each datastore.MultiError
	if !errors.As(err, &each) {
		return entities, r, err
	}
	for i, err := range each {
		switch {
		case errors.Is(err, datastore.ErrNoSuchEntity):
			entities[i] = nil
		case err != nil:
			return nil, nil, err
		}
	}
	return entities, r, nil
}

// compareAndSwapOne repeats compareAndSwap on one entity until it is not disturbed.
// The entity's version may change without the record's, by a touch.
func (s *store) compareAndSwapOne(ctx context.Context, key *datastore.Key, decide func(*entity) (*datastore.Mutation, error)) error {
	for retries := 0; ; retries++ {
		_, err := s.compareAndSwap(ctx, []*datastore.Key{key}, func(_ int, e *entity) (*datastore.Mutation, error) { return decide(e) })
		if !errors.Is(err, errChanged) {
			return err
		}
		if end := backOff(ctx, retries); end != nil {
			return fmt.Errorf("%w: %w", end, err)
		}
	}
}

// create stores the entity if there is no live record at key. It does not look
// first, since a new key is almost always free.
func (s *store) create(ctx context.Context, key *datastore.Key, e *entity) error {
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	if err := asChanged(s.commit(ctx, &request{}, datastore.NewInsert(key, e))); !errors.Is(err, errChanged) {
		return err
	}
	return s.compareAndSwapOne(ctx, key, func(old *entity) (*datastore.Mutation, error) {
		if old == nil {
			return datastore.NewInsert(key, e), nil
		}
		// An unreadable record counts as live: its expiry is unknown.
		if rec, err := old.parse(); err != nil || !rec.Expired(s.cfg.Now()) {
			return nil, driver.ErrConflict
		}
		return datastore.NewUpdate(key, e), nil
	})
}

// replace applies a mutation to the live record at version old.
func (s *store) replace(ctx context.Context, key *datastore.Key, old driver.Version, h any, m *datastore.Mutation) error {
	if base, ok := s.baseVersion(h, old); ok {
		if err := s.checkServer(ctx); err != nil {
			return err
		}
		if err := asChanged(s.commit(ctx, &request{baseVersions: []int64{base}}, m)); !errors.Is(err, errChanged) {
			return err
		}
	}
	return s.compareAndSwapOne(ctx, key, func(e *entity) (*datastore.Mutation, error) {
		if e == nil {
			return nil, driver.ErrConflict
		}
		if rec, err := e.parse(); err != nil || rec.Version != old || rec.Expired(s.cfg.Now()) {
			return nil, driver.ErrConflict
		}
		return m, nil
	})
}

// hint is the Record.Hint of a loaded record. It saves a Save or Touch the lookup:
// the base version changes with every write, so while it is the entity's, so are the
// record's version and expiry.
type hint struct {
	base    int64
	version driver.Version
	expires driver.Millis
}

// baseVersion returns the hint's base version, if the hint is of a live record at
// that version.
func (s *store) baseVersion(h any, version driver.Version) (int64, bool) {
	known, ok := h.(hint)
	if !ok || known.base == 0 || known.version != version || known.expires <= driver.MillisOf(s.cfg.Now()) {
		return 0, false
	}
	return known.base, true
}

// backOff waits for a random time that grows with the number of retries, and not at
// all before the first.
func backOff(ctx context.Context, retries int) error {
	if retries == 0 {
		return ctx.Err()
	}
	const shortest, longest = time.Millisecond, 50 * time.Millisecond
	wait := time.NewTimer(rand.N(min(shortest<<min(retries, 10), longest)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
