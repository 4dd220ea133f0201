package sessions

import (
	"context"
	"sync/atomic"
	"time"
)

// bounded is a context for a store's calls. It ends after Options.StoreTimeout,
// or with its parent. A store that waits for a server asks for Done or Deadline
// as it begins, and the time counts from there; or it calls driver.AfterFunc,
// which sets no timer of its own. One that never waits, as memory does not, just
// looks whether the context has ended: the first look costs neither a timer nor
// a reading of the clock, which together took 400 ns and four allocations, a
// fifth of a request that reads.
type bounded struct {
	context.Context // the parent
	m               *Manager

	looked, ended atomic.Bool
	timed         atomic.Pointer[timed]
	after         atomic.Pointer[afterward]
	began         atomic.Pointer[time.Time]
}

// timed is a context with a timer, for those who wait.
type timed struct {
	context.Context
	stop context.CancelFunc
}

// bound returns a context for calls that begin now, and has to end it.
func (m *Manager) bound(parent context.Context) *bounded {
	return &bounded{Context: parent, m: m}
}

// end releases what the context holds, and ends it.
func (b *bounded) end() {
	b.ended.Store(true)
	if t := b.timed.Load(); t != nil {
		t.stop()
	}
	if w := b.after.Load(); w != nil {
		if f := w.take(); f != nil {
			go f()
		}
	}
}

// deadline is when the limit is reached. The first to ask starts the clock.
func (b *bounded) deadline() time.Time {
	began := b.began.Load()
	if began == nil {
		now := time.Now()
		if began = &now; !b.began.CompareAndSwap(nil, began) {
			began = b.began.Load() // another was faster
		}
	}
	return began.Add(b.m.opts.StoreTimeout)
}

// Deadline implements context.Context.
func (b *bounded) Deadline() (time.Time, bool) {
	end := b.deadline()
	if d, ok := b.Context.Deadline(); ok && d.Before(end) {
		end = d
	}
	return end, true
}

// Done implements context.Context.
func (b *bounded) Done() <-chan struct{} {
	t := b.timed.Load()
	if t == nil {
		t = new(timed)
		t.Context, t.stop = context.WithDeadline(b.Context, b.deadline())
		if !b.timed.CompareAndSwap(nil, t) {
			t.stop() // another was faster
			t = b.timed.Load()
		}
		if b.ended.Load() {
			t.stop()
		}
	}
	return t.Done()
}

// Err implements context.Context.
func (b *bounded) Err() error {
	if t := b.timed.Load(); t != nil {
		return t.Err()
	}
	if b.ended.Load() {
		return context.Canceled
	}
	if err := b.Context.Err(); err != nil || !b.looked.Swap(true) {
		return err
	}
	if time.Until(b.deadline()) <= 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// Value implements context.Context. The timed context's is the same as the
// parent's, and lets package context end a child without a goroutine. Sessions
// it hides: see sessionless.
func (b *bounded) Value(key any) any {
	if t := b.timed.Load(); t != nil {
		return hideSession(t.Value(key))
	}
	return hideSession(b.Context.Value(key))
}
