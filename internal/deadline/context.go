// Package deadline has a context that limits store calls, and costs next to
// nothing for stores that do not wait.
package deadline

import (
	"context"
	"sync/atomic"
	"time"
)

// Context ends after a timeout, or with its parent. A store that waits for a
// server asks for Done or Deadline when it begins, and the timeout counts from
// there; or it calls driver.AfterFunc, which needs no timer of its own. A store
// that never waits, such as memory, only checks Err: the first check needs
// neither a timer nor the clock, which together took 400 ns and four allocations,
// a fifth of a request that reads.
type Context struct {
	context.Context // the parent
	timeout         time.Duration
	timers          *Timers

	checked, released atomic.Bool
	timed             atomic.Pointer[timed]
	callback          atomic.Pointer[callback]
	began             atomic.Pointer[time.Time]
}

// timed is a context with a timer, for stores that wait.
type timed struct {
	context.Context
	cancel context.CancelFunc
}

// Make returns a Context for calls that begin now. The caller must call Release
// in the end, and must not copy the Context after its first use.
func Make(parent context.Context, timeout time.Duration, timers *Timers) Context {
	return Context{Context: parent, timeout: timeout, timers: timers}
}

// Release ends the context and frees what it holds.
func (c *Context) Release() {
	c.released.Store(true)
	if t := c.timed.Load(); t != nil {
		t.cancel()
	}
	if cb := c.callback.Load(); cb != nil {
		if f := cb.take(); f != nil {
			go f()
		}
	}
}

// limit returns the end of the timeout. The first call starts it.
func (c *Context) limit() time.Time {
	began := c.began.Load()
	if began == nil {
		now := time.Now()
		if began = &now; !c.began.CompareAndSwap(nil, began) {
			began = c.began.Load() // another call was first
		}
	}
	return began.Add(c.timeout)
}

// Deadline implements context.Context.
func (c *Context) Deadline() (time.Time, bool) {
	end := c.limit()
	if d, ok := c.Context.Deadline(); ok && d.Before(end) {
		end = d
	}
	return end, true
}

// Done implements context.Context.
func (c *Context) Done() <-chan struct{} {
	t := c.timed.Load()
	if t == nil {
		t = new(timed)
		t.Context, t.cancel = context.WithDeadline(c.Context, c.limit())
		if !c.timed.CompareAndSwap(nil, t) {
			t.cancel() // another call was first
			t = c.timed.Load()
		}
		if c.released.Load() {
			t.cancel()
		}
	}
	return t.Done()
}

// Err implements context.Context.
func (c *Context) Err() error {
	if t := c.timed.Load(); t != nil {
		return t.Err()
	}
	if c.released.Load() {
		return context.Canceled
	}
	if err := c.Context.Err(); err != nil || !c.checked.Swap(true) {
		return err
	}
	if time.Until(c.limit()) <= 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. With a timer, it is the timed context's: the
// same values, and package context finds there how to cancel a child without a
// goroutine.
func (c *Context) Value(key any) any {
	if t := c.timed.Load(); t != nil {
		return t.Value(key)
	}
	return c.Context.Value(key)
}
