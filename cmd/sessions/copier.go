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
	created   outcome = iota // not in the destination before
	replaced                 // older in the destination, or different with -overwrite
	refreshed                // the same in the destination, with older times
	identical                // the same in the destination
	differing                // different in the destination, and not older
	over                     // expired during the copy
	removed                  // not in the source
	changed                  // not in the source, but changed before it could be removed
	failed                   // damaged, or too large
	outcomes
)

// copy copies every record of the list. Forwards are copied too, but not counted. They
// replace a renewed session that an earlier copy wrote under its old ID.
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
	rec.Hint = nil // it belongs to the source
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
	return differing, nil // it changes all the time
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
		case err == nil || damaged(err): // the copy has reported the latter
			return none, nil
		case !errors.Is(err, driver.ErrNotFound):
			return failed, err
		}
		// Delete at the listed version keeps a session that a program, against the
		// advice, has changed in the destination.
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

// none is an outcome that is not counted.
const none outcome = -1

// each calls do for every record of the list, several at a time. A damaged or too large
// record is reported and counted; any other error ends the loop.
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
					cancel(err) // the first error is kept
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

// count counts an outcome. It reports an error that concerns only this record, and
// returns any other.
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
