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

// errMoved: what was to be swapped is not any more what it was when it was
// looked at. Nothing was written.
var errMoved = errors.New("moved")

// moved makes errMoved of what a commit was refused for: the base version is
// another, what was to be created is there, what was to be changed is not, or
// somebody else was first. Should it be for another reason, a further look tells.
func moved(err error) error {
	switch status.Code(err) {
	case codes.FailedPrecondition, codes.AlreadyExists, codes.NotFound, codes.Aborted:
		return fmt.Errorf("%w: %w", errMoved, err)
	}
	return err
}

// decision says what becomes of an entity, of which found is what there is now,
// or nil. A nil mutation leaves it; an error ends the swap.
type decision func(i int, found *entity) (*datastore.Mutation, error)

// swap looks at entities and changes them as decide says, all in one step, and
// returns how many it changed, or answers errMoved.
func (s *store) swap(ctx context.Context, keys []*datastore.Key, decide decision) (int, error) {
	conditions, err := s.conditions(ctx)
	if err != nil {
		return 0, err
	}
	if conditions {
		return s.swapInOneCommit(ctx, keys, decide)
	}
	return s.swapInTransaction(ctx, keys, decide)
}

// The ways to swap.
const (
	unasked = iota
	inOneCommit
	inTransaction
)

// conditions tells whether commits can carry base versions: whether the client
// was made with ClientOptions, and the server heeds them. That is asked of the
// server, once, by removing what was never there at a version that nothing has.
// If it does so it did not look.
func (s *store) conditions(ctx context.Context) (bool, error) {
	if way := s.way.Load(); way != unasked {
		return way == inOneCommit, nil
	}
	nothing := &datastore.Key{Kind: s.at.Kind, Name: "never" + cryptorand.Text(), Namespace: s.at.Namespace}
	question := &terms{bases: []int64{1}}
	err := s.commit(ctx, question, datastore.NewDelete(nothing))
	switch status.Code(err) {
	case codes.OK:
		why := "the server does not compare versions"
		if !question.carried {
			why = "the client was not made with google.ClientOptions"
		}
		if s.way.CompareAndSwap(unasked, inTransaction) {
			s.cfg.Logger.Info("sessions: google saves in transactions, three calls where one would do", "reason", why)
		}
	case codes.FailedPrecondition, codes.Aborted: // nobody else is after that key
		s.way.CompareAndSwap(unasked, inOneCommit)
	default:
		return false, err
	}
	return s.way.Load() == inOneCommit, nil
}

// commit makes the changes, on the terms that go with them.
func (s *store) commit(ctx context.Context, t *terms, changes ...*datastore.Mutation) error {
	_, err := s.client.Mutate(withTerms(ctx, t), changes...)
	var each datastore.MultiError // a mutation that could not be made
	if errors.As(err, &each) {
		return errors.Join(each...)
	}
	return err
}

// swapInOneCommit asks of the server to compare: a lookup, and a commit.
func (s *store) swapInOneCommit(ctx context.Context, keys []*datastore.Key, decide decision) (int, error) {
	t := &terms{}
	found, err := entities(keys, func(into []*entity) error { return s.client.GetMulti(withTerms(ctx, t), keys, into) })
	if err != nil {
		return 0, err
	}
	var changes []*datastore.Mutation
	var bases []int64
	for i, key := range keys {
		change, err := decide(i, found[i])
		if err != nil {
			return 0, err
		}
		if change != nil {
			changes, bases = append(changes, change), append(bases, t.version(key))
		}
	}
	if changes == nil {
		return 0, nil
	}
	return len(changes), moved(s.commit(ctx, &terms{bases: bases}, changes...))
}

// entities has get fill in what is there, and makes nil of what is not.
func entities(keys []*datastore.Key, get func([]*entity) error) ([]*entity, error) {
	found := make([]*entity, len(keys))
	for i := range found {
		found[i] = &entity{}
	}
	err := get(found)
	var each datastore.MultiError
	if !errors.As(err, &each) {
		return found, err
	}
	for i, err := range each {
		switch {
		case errors.Is(err, datastore.ErrNoSuchEntity):
			found[i] = nil
		case err != nil:
			return nil, err
		}
	}
	return found, nil
}

// settle swaps one entity until it is settled. Being moved need not mean that
// the version has: somebody may have touched the record.
func (s *store) settle(ctx context.Context, key *datastore.Key, decide func(found *entity) (*datastore.Mutation, error)) error {
	for lost := 0; ; lost++ {
		_, err := s.swap(ctx, []*datastore.Key{key}, func(_ int, found *entity) (*datastore.Mutation, error) { return decide(found) })
		if !errors.Is(err, errMoved) {
			return err
		}
		if end := pause(ctx, lost); end != nil {
			return fmt.Errorf("%w: %w", end, err)
		}
	}
}

// create stores the entity where no live record is.
func (s *store) create(ctx context.Context, key *datastore.Key, e *entity) error {
	conditions, err := s.conditions(ctx)
	if err != nil {
		return err
	}
	if conditions { // that something is there is the exception, so nobody looks first
		if err := moved(s.commit(ctx, &terms{}, datastore.NewInsert(key, e))); !errors.Is(err, errMoved) {
			return err
		}
	}
	return s.settle(ctx, key, func(found *entity) (*datastore.Mutation, error) {
		if found == nil {
			return datastore.NewInsert(key, e), nil
		}
		// What cannot be read is something, whose expiry nobody can tell.
		if rec, err := found.parse(); err != nil || !rec.Expired(s.cfg.Now()) {
			return nil, driver.ErrConflict
		}
		return datastore.NewUpdate(key, e), nil
	})
}

// replace makes the change to the live record at version old.
func (s *store) replace(ctx context.Context, key *datastore.Key, old driver.Version, h any, change *datastore.Mutation) error {
	if base, known := s.baseOf(h, old); known {
		conditions, err := s.conditions(ctx)
		if err != nil {
			return err
		}
		if conditions {
			if err := moved(s.commit(ctx, &terms{bases: []int64{base}}, change)); !errors.Is(err, errMoved) {
				return err
			}
		}
	}
	return s.settle(ctx, key, func(found *entity) (*datastore.Mutation, error) {
		if found == nil {
			return nil, driver.ErrConflict
		}
		if rec, err := found.parse(); err != nil || rec.Version != old || rec.Expired(s.cfg.Now()) {
			return nil, driver.ErrConflict
		}
		return change, nil
	})
}

// hint spares a Save or Touch the look at the record that Load has had. The
// base changes with every write, so while it is the entity's, the version and
// the expiry are too.
type hint struct {
	base    int64
	version driver.Version
	expires driver.Millis
}

// baseOf returns the base of the hint, if the hint is about a live record at
// that version.
func (s *store) baseOf(h any, version driver.Version) (int64, bool) {
	known, ok := h.(hint)
	if !ok || known.base == 0 || known.version != version || known.expires <= driver.MillisOf(s.cfg.Now()) {
		return 0, false
	}
	return known.base, true
}

// pause waits, from the second loss on, for a random time that grows.
func pause(ctx context.Context, lost int) error {
	if lost == 0 {
		return ctx.Err()
	}
	const least, most = time.Millisecond, 50 * time.Millisecond
	wait := time.NewTimer(rand.N(min(least<<min(lost, 10), most)))
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
