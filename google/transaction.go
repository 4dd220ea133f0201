package google

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/datastore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// swapInTransaction is for clients that were not made with ClientOptions: a
// begin, a lookup and a commit. Datastore may be pessimistic, and then two
// transactions that have both looked at an entity wait for each other's end,
// until the server gives up on one; so this process has one at a time.
//
// That it was aborted is certain: a transaction commits once, and the library's
// repetition of a commit that was done finds it closed, which is another error
// and says nothing of the outcome.
func (s *store) swapInTransaction(ctx context.Context, keys []*datastore.Key, decide decision) (int, error) {
	leave, err := s.turns.enter(ctx, keys[0])
	if err != nil {
		return 0, err
	}
	type outcome struct {
		changed int
		err     error
	}
	done := make(chan outcome, 1)
	s.late.Go(func() {
		defer leave()
		changed, err := s.transaction(ctx, keys, decide)
		done <- outcome{changed, err}
	})
	select {
	case o := <-done:
		return o.changed, o.err
	case <-ctx.Done():
	}
	const grace = 100 * time.Millisecond // an answer is better than none
	select {
	case o := <-done:
		return o.changed, o.err
	case <-time.After(grace):
		return 0, ctx.Err()
	}
}

// transaction runs on for up to 5 seconds after the context's end, to roll back:
// a transaction that is left holds its locks.
func (s *store) transaction(ctx context.Context, keys []*datastore.Key, decide decision) (changed int, err error) {
	decided := false
	_, err = s.client.RunInTransaction(withTerms(ctx, &terms{}), func(tx *datastore.Transaction) error {
		found, err := entities(keys, func(into []*entity) error { return tx.GetMulti(keys, into) })
		if err != nil {
			return err
		}
		for i := range keys {
			change, err := decide(i, found[i])
			if err != nil {
				return err
			}
			if change == nil {
				continue
			}
			if _, err := tx.Mutate(change); err != nil {
				return err
			}
			changed++
		}
		decided = true
		return nil
	}, datastore.MaxAttempts(1))
	switch {
	case errors.Is(err, datastore.ErrConcurrentTransaction),
		!decided && status.Code(err) == codes.Aborted: // while it looked, for somebody else's sake
		return 0, fmt.Errorf("%w: %w", errMoved, err)
	case decided: // so it was the commit that failed, if anything did
		return changed, moved(err)
	}
	return 0, err
}

// turns are this process's transactions on a session, one at a time.
type turns [64]chan struct{}

func newTurns() (t turns) {
	for i := range t {
		t[i] = make(chan struct{}, 1)
	}
	return t
}

// enter waits for the turn of whoever changes what is under key.
func (t *turns) enter(ctx context.Context, key *datastore.Key) (leave func(), err error) {
	turn := t[0]
	if len(key.Name) > 0 {
		turn = t[(int(key.Name[0])*31+int(key.Name[len(key.Name)-1]))%len(t)]
	}
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
