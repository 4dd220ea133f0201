package sessions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pump-go/sessions/driver"
)

// maxSends is how often one write is sent before its outcome stays unknown.
const maxSends = 3

// errUnknown: a write may be stored, or not.
var errUnknown = errors.New("the outcome of the write is unknown")

// write saves a record and makes sure of the outcome. It returns nil if the
// record is stored, ErrConflict if nothing was written because the stored
// version is not old, and ErrEnded if it was written, or may have been, and the
// session has been ended since.
//
// A Save that timed out may have landed, or may yet. The version tells: it was
// drawn for this write alone. If it is there, all is well. If the old one still
// is, the identical write goes out again: should both arrive, one of them finds
// the old version gone. If a third one is there, ours may lie beneath it, and
// writing again could count an update twice: that is a failure to report.
func (m *Manager) write(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	var unsure error
	for range maxSends {
		err := m.store.Save(ctx, key, old, rec)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrConflict):
			if unsure == nil {
				return err
			}
		case errors.Is(err, ErrTooLarge), errors.Is(err, ErrClosed), errors.Is(err, errors.ErrUnsupported):
			return err
		default:
			unsure = err
		}
		now, err := m.store.Load(ctx, key)
		switch {
		case err == nil && now.Version == rec.Version:
			return nil
		case err == nil && now.Version == old:
			rec.Hint = now.Hint
		case err == nil:
			return fmt.Errorf("%w, and another request has changed the session since: %w", errUnknown, unsure)
		case errors.Is(err, ErrNotFound) && old == 0:
		case errors.Is(err, ErrNotFound):
			return ErrEnded
		default:
			return fmt.Errorf("%w: %w", errUnknown, errors.Join(unsure, err))
		}
	}
	return fmt.Errorf("%w: %w", errUnknown, unsure)
}

// turns makes the requests of this process that have met a conflict on one
// session take turns, so that a crowd is served one by one rather than all
// failing against one.
type turns [64]chan struct{}

func newTurns() (t turns) {
	for i := range t {
		t[i] = make(chan struct{}, 1)
	}
	return t
}

func (t *turns) of(key driver.Key) turn { return turn{line: t[int(key[0])%len(t)]} }

// turn is one commit's place in the line. It enters with its first conflict.
type turn struct {
	line chan struct{}
	lost int
}

// wait returns when it is worth trying again: when the line is ours, and from
// the second loss on, against other processes, after a pause of random length.
func (t *turn) wait(ctx context.Context) error {
	t.lost++
	if t.lost == 1 {
		select {
		case t.line <- struct{}{}:
			return nil
		case <-ctx.Done():
			t.lost = 0
			return ctx.Err()
		}
	}
	const least, most = 250 * time.Microsecond, 20 * time.Millisecond
	pause := time.NewTimer(rand.N(min(least<<min(t.lost, 10), most)))
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turn) leave() {
	if t.lost > 0 {
		<-t.line
	}
}
