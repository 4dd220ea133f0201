package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// copier copies records and counts the outcomes.
type copier struct {
	from, to  *opened
	overwrite bool
	parallel  int
	console   *console
	tally     tally
}

// outcome is the result for one session.
type outcome int

const (
	created   outcome = iota // it was not there
	replaced                 // an older state was there, or any with -overwrite
	refreshed                // the same state was there, with older times
	identical                // it was there already
	differing                // another state is there, and not an older one
	over                     // it expired during the copy
	removed                  // it is not in the store copied from
	changed                  // it was to be removed, and somebody changed it
	failed                   // it is damaged, or too large
	outcomes
)

// copy copies every record of the list, forwards too, which are not counted:
// without them, the old ID of a renewed session would open it in the destination.
func (cp *copier) copy(ctx context.Context, list iter.Seq2[driver.Entry, error]) error {
	return cp.each(ctx, list, func(ctx context.Context, e driver.Entry) (outcome, error) {
		o, err := cp.put(ctx, e.Key, e.Record)
		if err == nil && isForward(e.Record) {
			o = none
		}
		return o, err
	})
}

// put writes a record to the destination.
func (cp *copier) put(ctx context.Context, key driver.Key, rec driver.Record) (outcome, error) {
	rec.Hint = nil // a note of the other store's
	for range 10 {
		if rec.Expired(time.Now()) {
			return over, nil
		}
		err := cp.to.Save(ctx, key, 0, rec)
		if err == nil {
			return created, nil
		}
		if !errors.Is(err, driver.ErrConflict) && !damaged(err) {
			return failed, err
		}
		there, err := cp.to.Load(ctx, key)
		switch {
		case errors.Is(err, driver.ErrNotFound):
			continue // it expired between the two
		case err != nil && damaged(err) && cp.overwrite:
			if err := cp.to.Delete(ctx, key, 0); err != nil {
				return failed, err
			}
			continue
		case err != nil:
			return failed, fmt.Errorf("in the destination: %w", err)
		}
		o, err := cp.merge(ctx, key, &rec, &there)
		if errors.Is(err, driver.ErrConflict) {
			continue // a program uses the destination
		}
		return o, err
	}
	return differing, nil // it changes faster than we look
}

// merge updates an existing record of the destination if it is older. Versions are random:
// they show whether two states differ, not which is newer.
func (cp *copier) merge(ctx context.Context, key driver.Key, rec, there *driver.Record) (outcome, error) {
	rec.Hint = there.Hint
	defer func() { rec.Hint = nil }()
	later := rec.Accessed > there.Accessed
	switch {
	case there.Version != rec.Version && (later || cp.overwrite):
		return replaced, cp.to.Save(ctx, key, there.Version, *rec)
	case there.Version != rec.Version:
		return differing, nil
	case later || cp.overwrite && (rec.Accessed != there.Accessed || rec.Expires != there.Expires):
		return refreshed, cp.to.Touch(ctx, key, *rec)
	default:
		return identical, nil
	}
}

// prune removes sessions of the destination that are not in the source.
func (cp *copier) prune(ctx context.Context) error {
	list, err := cp.to.all(ctx)
	if err != nil {
		return err
	}
	return cp.each(ctx, list, func(ctx context.Context, e driver.Entry) (outcome, error) {
		_, err := cp.from.Load(ctx, e.Key)
		switch {
		case err == nil || damaged(err): // which the copy has told
			return none, nil
		case !errors.Is(err, driver.ErrNotFound):
			return failed, err
		}
		// At the version that was listed: if a program uses the destination after
		// all, a session that it changed is its own by now.
		err = cp.to.Delete(ctx, e.Key, e.Record.Version)
		if errors.Is(err, driver.ErrConflict) {
			return changed, nil
		}
		if err == nil && isForward(e.Record) {
			return none, nil
		}
		return removed, err
	})
}

// none is counted nowhere.
const none outcome = -1

// each does something with every record of the list, several at a time. A record
// that is damaged or too large is told and counted; any other error ends it.
func (cp *copier) each(ctx context.Context, list iter.Seq2[driver.Entry, error], do func(context.Context, driver.Entry) (outcome, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan driver.Entry)
	var workers sync.WaitGroup
	for range cp.parallel {
		workers.Go(func() {
			for e := range work {
				o, err := do(ctx, e)
				if err = cp.count(e.Key, o, err); err != nil {
					cancel(err) // the first one's is kept
					return
				}
			}
		})
	}
	var listErr error
read:
	for e, err := range list {
		if err != nil {
			if listErr = cp.count(e.Key, failed, err); listErr != nil {
				break
			}
			continue
		}
		select {
		case work <- e:
		case <-ctx.Done():
			break read
		}
	}
	close(work)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return listErr
}

// count counts an outcome. An error of one record alone is told, and is no
// reason to stop.
func (cp *copier) count(key driver.Key, o outcome, err error) error {
	switch {
	case err == nil && o == none:
		return nil
	case err == nil:
	case damaged(err):
		o = failed
		cp.console.note("%s", faulty(key, err))
	case errors.Is(err, driver.ErrTooLarge):
		o = failed
		cp.console.note("%v is too large: %s", key, safe(err.Error()))
	default:
		return err
	}
	cp.tally.add(o)
	return nil
}
