package sessionstest

import (
	"context"
	"errors"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// watched wraps a case's store. After each ErrConflict it checks that nothing was
// written: a store that writes and returns ErrConflict breaks many rules as a
// consequence, and the case must report the cause.
type watched struct {
	driver.Store
	e         *env
	namespace string
}

func (w *watched) Unwrap() driver.Store { return w.Store }

func (w *watched) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	c := w.begin(key)
	fresh := w.e.ledger.firstUse(rec.Version)
	err := w.Store.Save(ctx, key, old, rec)
	if notWritten := errors.Is(err, driver.ErrNotWritten); notWritten || errors.Is(err, driver.ErrConflict) {
		got, loading := w.Store.Load(w.e.ctx, key)
		if fresh && loading == nil && got.Version == rec.Version {
			name := "driver.ErrConflict"
			if notWritten {
				name = "driver.ErrNotWritten"
			}
			w.e.falseConflict("Save returned " + name + ", although it wrote its record: a Load afterwards returned the version of this Save")
		}
		w.gone(c, "Save", loading)
	}
	c.end(err, rec)
	return err
}

func (w *watched) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	r, ok := w.Store.(driver.Renewer)
	if !ok {
		return errors.ErrUnsupported
	}
	from, to := w.begin(oldKey), w.begin(key)
	freshForward, fresh := w.e.ledger.firstUse(forward.Version), w.e.ledger.firstUse(rec.Version)
	err := r.Renew(ctx, oldKey, old, forward, key, rec)
	if errors.Is(err, driver.ErrNotWritten) || errors.Is(err, driver.ErrConflict) {
		gotForward, loading := w.Store.Load(w.e.ctx, oldKey)
		got, err := w.Store.Load(w.e.ctx, key)
		if freshForward && loading == nil && gotForward.Version == forward.Version || fresh && err == nil && got.Version == rec.Version {
			w.e.falseConflict("Renew returned driver.ErrConflict or driver.ErrNotWritten, although it wrote: a Load afterwards returned the version of a record of this Renew")
		}
		w.gone(from, "Renew", loading)
		w.gone(to, "Renew", err)
	}
	from.end(err, forward)
	to.end(err, rec)
	return err
}

func (w *watched) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	c := w.begin(key)
	err := w.Store.Touch(ctx, key, rec)
	after := c.before
	after.Accessed, after.Expires = rec.Accessed, rec.Expires
	if errors.Is(err, driver.ErrConflict) {
		got, loading := w.Store.Load(w.e.ctx, key)
		if c.exclusive() && loading == nil && difference(c.before, after) != "" && difference(got, after) == "" {
			w.e.falseConflict("Touch returned driver.ErrConflict, although it wrote: a Load afterwards returned the times of this Touch")
		}
		w.gone(c, "Touch", loading)
	}
	if c.before.Version == 0 {
		after = driver.Record{} // the ledger does not know the record
	}
	c.end(err, after)
	return err
}

func (w *watched) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	c := w.begin(key)
	err := w.Store.Delete(ctx, key, version)
	if errors.Is(err, driver.ErrConflict) {
		_, loading := w.Store.Load(w.e.ctx, key)
		w.gone(c, "Delete", loading)
	}
	c.end(err, driver.Record{})
	return err
}

// gone records a failure if a live record is gone after a call returned
// ErrConflict and no other call can have removed it.
func (w *watched) gone(c *pendingChange, call string, loading error) {
	if c.exclusive() && c.before.Version != 0 && c.before.Expires > w.e.clock.latest() && errors.Is(loading, driver.ErrNotFound) {
		w.e.falseConflict(call + " returned driver.ErrConflict, but the record is gone: a Load afterwards returned driver.ErrNotFound")
	}
}

// falseConflict records a false ErrConflict if it is the case's first failure. Later
// failures are its consequences and are not shown.
func (e *env) falseConflict(saw string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failures) > 0 && !e.failures[0].root {
		return // a consequence of the earlier failure
	}
	e.failures = append(e.failures, failure{name: e.name, rule: 2, root: true,
		says: "ErrConflict and ErrNotWritten are certain: the call wrote nothing, and never will.",
		saw:  saw + ". (A likely cause is a client that retries writes by itself: the first attempt succeeds, the second conflicts with it.)"})
}

// ledger records what a case's stores have acknowledged.
type ledger struct {
	mu      sync.Mutex
	records map[ledgerKey]*account
	saved   map[driver.Version]bool // versions that Save was called with
	others  bool                    // other processes write too
}

type ledgerKey struct {
	namespace string
	key       driver.Key
}

// account is what the ledger knows about one record.
type account struct {
	rec        driver.Record // version 0: none, or unknown
	begun      int           // calls so far
	inProgress int
	lost       bool // a call failed and may have written, or may write later
}

// pendingChange is a call in progress that may change a record.
type pendingChange struct {
	l      *ledger
	a      *account
	begun  int
	alone  bool
	before driver.Record
}

// sharedWithOthers records that other processes write too, so that the ledger
// knows only the versions its own stores saved.
func (l *ledger) sharedWithOthers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.others = true
}

// firstUse reports whether v is new: no earlier Save was called with it.
func (l *ledger) firstUse(v driver.Version) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.saved == nil {
		l.saved = make(map[driver.Version]bool)
	}
	was := l.saved[v]
	l.saved[v] = true
	return !was
}

func (w *watched) begin(key driver.Key) *pendingChange {
	l := &w.e.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records == nil {
		l.records = make(map[ledgerKey]*account)
	}
	a := l.records[ledgerKey{w.namespace, key}]
	if a == nil {
		a = new(account)
		l.records[ledgerKey{w.namespace, key}] = a
	}
	a.begun++
	a.inProgress++
	return &pendingChange{l: l, a: a, begun: a.begun, alone: a.inProgress == 1 && !a.lost, before: a.rec}
}

// exclusive reports whether no other call can have changed the record since this one
// began.
func (c *pendingChange) exclusive() bool {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	return c.alone && c.a.begun == c.begun && !c.l.others
}

// end records the result of the call.
func (c *pendingChange) end(err error, after driver.Record) {
	exclusive := c.exclusive()
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.a.inProgress--
	switch {
	case !exclusive:
		c.a.rec = driver.Record{}
	case err == nil:
		c.a.rec = after
	case errors.Is(err, driver.ErrConflict):
	default:
		c.a.rec, c.a.lost = driver.Record{}, true
	}
}
