package main

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// filter selects sessions.
type filter struct {
	owner                      setting
	idle, expires              age
	createdBefore, createdPast moment
	larger                     int
}

func (f *filter) flags(fs *flag.FlagSet) {
	fs.Var((*owner)(&f.owner), "owner", "only sessions of this `owner`, as passed to SetOwner; '' for sessions without one")
	fs.Var(&f.idle, "idle-longer-than", "only sessions not used for this `time`, like 36h or 30d")
	fs.Var(&f.createdBefore, "created-before", "only sessions created before this `time`: 2026-01-31 (UTC), 2026-01-31T18:00:00Z,\nor 30d for 30 days ago")
	fs.Var(&f.createdPast, "created-after", "only sessions created at this `time` or later")
	fs.Var(&f.expires, "expires-within", "only sessions that expire within this `time` unless they are used")
	fs.IntVar(&f.larger, "larger-than", 0, "only sessions with more `bytes` of data")
}

// owner is a setting that is listed among the command's own flags.
type owner setting

func (o *owner) String() string     { return o.value }
func (o *owner) Set(v string) error { return (*setting)(o).Set(v) }

// match reports whether a session matches the filter, except for its owner.
func (f *filter) match(rec *driver.Record, now time.Time) bool {
	created := rec.Created.Time()
	switch {
	case f.idle > 0 && now.Sub(rec.Accessed.Time()) <= time.Duration(f.idle),
		!f.createdBefore.at.IsZero() && !created.Before(f.createdBefore.at),
		!f.createdPast.at.IsZero() && created.Before(f.createdPast.at),
		f.expires > 0 && rec.Expires.Time().Sub(now) > time.Duration(f.expires),
		f.larger > 0 && len(rec.Data) <= f.larger:
		return false
	}
	return true
}

// found is a session with its content.
type found struct {
	driver.Entry
	sessions.Inspection
}

// each calls do for each session that matches. It writes the IDs of damaged sessions to
// the standard error, and returns an error at the end if there are any.
func (f *filter) each(ctx context.Context, c *console, s *opened, do func(found) (more bool, err error)) error {
	var list iter.Seq2[driver.Entry, error]
	var err error
	if f.owner.value != "" {
		list, err = s.owned(ctx, f.owner.value)
	} else {
		list, err = s.all(ctx)
	}
	if err != nil {
		return err
	}
	nobodys := f.owner.given && f.owner.value == ""
	now := time.Now()
	faults := 0
	for e, err := range list {
		found := found{Entry: e}
		if err == nil {
			found.Inspection, err = sessions.Inspect(e.Record)
		}
		switch {
		case err != nil && damaged(err):
			faults++
			c.note("%s", faulty(e.Key, err))
			continue
		case err != nil:
			return err
		case found.Forward != nil:
			continue
		case nobodys && e.Record.Owner != "" || !f.match(&e.Record, now):
			continue
		}
		more, err := do(found)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	if faults > 0 {
		return fail(exitIncomplete, "%s", damage(faults))
	}
	return nil
}

func damage(n int) string {
	return number(n, "session is", "sessions are") + " damaged, or newer than this command"
}

// number formats a count with a singular or plural noun.
func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
