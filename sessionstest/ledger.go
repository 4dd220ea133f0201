package sessionstest

import (
	"context"
	"errors"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// watched is a store of a case. After each ErrConflict it looks whether that was
// the truth: a store that writes and answers ErrConflict breaks many rules by
// consequence, and the case shall name the one that it broke first.
type watched struct {
	driver.Store
	e         *env
	namespace string
}

func (w *watched) Unwrap() driver.Store { return w.Store }

func (w *watched) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	c := w.begin(key)
	fresh := w.e.ledger.offer(rec.Version)
	err := w.Store.Save(ctx, key, old, rec)
	if notWritten := errors.Is(err, driver.ErrNotWritten); notWritten || errors.Is(err, driver.ErrConflict) {
		got, loading := w.Store.Load(w.e.ctx, key)
		if fresh && loading == nil && got.Version == rec.Version {
			name := "driver.ErrConflict"
			if notWritten {
				name = "driver.ErrNotWritten"
			}
			w.e.untrue("Save answered " + name + ", although it wrote its record: the Load that followed found the version of this Save")
		}
		w.gone(c, "Save", loading)
	}
	c.end(err, rec)
	return err
}

func (w *watched) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	c := w.begin(key)
	err := w.Store.Touch(ctx, key, rec)
	after := c.before
	after.Accessed, after.Expires = rec.Accessed, rec.Expires
	if errors.Is(err, driver.ErrConflict) {
		got, loading := w.Store.Load(w.e.ctx, key)
		if c.sure() && loading == nil && difference(c.before, after) != "" && difference(got, after) == "" {
			w.e.untrue("Touch answered driver.ErrConflict, although it wrote: the Load that followed found the times of this Touch")
		}
		w.gone(c, "Touch", loading)
	}
	if c.before.Version == 0 {
		after = driver.Record{} // of a record that the ledger does not have
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

// gone reports a live record that is gone after a call answered ErrConflict,
// where no other call can have removed it.
func (w *watched) gone(c *change, call string, loading error) {
	if c.sure() && c.before.Version != 0 && c.before.Expires > w.e.clock.latest() && errors.Is(loading, driver.ErrNotFound) {
		w.e.untrue(call + " answered driver.ErrConflict, and the record that was there is gone: the Load that followed answered driver.ErrNotFound")
	}
}

// untrue reports an ErrConflict that was none, if it is the first fault of the
// case. What the case sees later follows from it, and is not shown.
func (e *env) untrue(saw string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failures) > 0 && !e.failures[0].root {
		return // this follows from that
	}
	e.failures = append(e.failures, failure{name: e.name, rule: 2, root: true,
		says: "ErrConflict is a certainty, and so is ErrNotWritten: the call wrote nothing, and never will.",
		saw:  saw + ". (A client that sends a write again by itself does this: the first one lands, the second one conflicts with it.)"})
}

// ledger is what a case's stores acknowledged.
type ledger struct {
	mu      sync.Mutex
	records map[ledgerKey]*account
	offered map[driver.Version]bool // what a Save was called with
	others  bool                    // other processes write as well
}

type ledgerKey struct {
	namespace string
	key       driver.Key
}

// account is what is known of one record.
type account struct {
	rec      driver.Record // with version 0 where none is, or nothing is known
	begun    int           // calls so far
	underWay int
	lost     bool // a call failed, and may have written, or still will
}

// change is a call that may change a record.
type change struct {
	l      *ledger
	a      *account
	begun  int
	alone  bool
	before driver.Record
}

// sharedWithOthers makes sure of nothing but what its own stores were called with.
func (l *ledger) sharedWithOthers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.others = true
}

// offer reports whether no Save was called with the version before.
func (l *ledger) offer(v driver.Version) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.offered == nil {
		l.offered = make(map[driver.Version]bool)
	}
	was := l.offered[v]
	l.offered[v] = true
	return !was
}

func (w *watched) begin(key driver.Key) *change {
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
	a.underWay++
	return &change{l: l, a: a, begun: a.begun, alone: a.underWay == 1 && !a.lost, before: a.rec}
}

// sure reports whether no other call can have changed the record since this one
// began.
func (c *change) sure() bool {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	return c.alone && c.a.begun == c.begun && !c.l.others
}

// end takes down what the call left at the key.
func (c *change) end(err error, after driver.Record) {
	sure := c.sure()
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.a.underWay--
	switch {
	case !sure:
		c.a.rec = driver.Record{}
	case err == nil:
		c.a.rec = after
	case errors.Is(err, driver.ErrConflict):
	default:
		c.a.rec, c.a.lost = driver.Record{}, true
	}
}
