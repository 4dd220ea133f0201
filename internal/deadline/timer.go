package deadline

import (
	"context"
	"sync"
	"time"
)

// Timers are reused. A timer that was set for one call keeps running for the
// next, and is only reset when it fires: setting one and stopping it for each
// call takes a microsecond, and almost none ever has to fire.
type Timers struct{ pool sync.Pool }

// pooledTimer runs its target at a time, unless it is released first.
type pooledTimer struct {
	mu      sync.Mutex
	timer   *time.Timer
	firesAt time.Time // of timer; zero: it is not running
	at      time.Time
	target  *callback // nil: none
}

// set returns a timer that runs the target at the time.
func (p *Timers) set(at time.Time, target *callback) *pooledTimer {
	t, ok := p.pool.Get().(*pooledTimer)
	if !ok {
		t = new(pooledTimer)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at, t.target = at, target
	if t.firesAt.IsZero() || t.firesAt.After(at) {
		t.start()
	}
	return t
}

// start needs mu.
func (t *pooledTimer) start() {
	if wait := time.Until(t.at); t.timer == nil {
		t.timer = time.AfterFunc(wait, t.fire)
	} else {
		t.timer.Reset(wait)
	}
	t.firesAt = t.at
}

func (t *pooledTimer) fire() {
	t.mu.Lock()
	t.firesAt = time.Time{}
	target := t.target
	if target != nil && time.Until(t.at) > 0 { // it fired for an earlier call
		t.start()
		target = nil
	}
	t.mu.Unlock()
	if target != nil {
		target.run()
	}
}

// release returns the timer to the pool.
func (p *Timers) release(t *pooledTimer) {
	t.mu.Lock()
	t.target = nil
	t.mu.Unlock()
	p.pool.Put(t)
}

// callback is a function that runs when a Context ends.
type callback struct {
	mu         sync.Mutex
	f          func() // nil: it was run or stopped
	timers     *Timers
	timer      *pooledTimer
	stopParent func() bool // stops waiting for the parent; nil: it never ends
}

// take returns f to the first caller, and releases the rest.
func (c *callback) take() func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.f
	if f == nil {
		return nil
	}
	c.f = nil
	c.timers.release(c.timer)
	if c.stopParent != nil {
		c.stopParent()
	}
	return f
}

func (c *callback) run() {
	if f := c.take(); f != nil {
		f()
	}
}

func (c *callback) stop() bool { return c.take() != nil }

// AfterFunc does what context.AfterFunc does; see driver.AfterFunc.
func (c *Context) AfterFunc(f func()) (stop func() bool) {
	end, _ := c.Deadline()
	cb := &callback{f: f, timers: c.timers}
	cb.mu.Lock()
	defer cb.mu.Unlock()
	if !c.callback.CompareAndSwap(nil, cb) {
		c.Done()
		return context.AfterFunc(c.timed.Load(), f) // no store of ours has two
	}
	cb.timer = cb.timers.set(end, cb)
	if c.Context.Done() != nil {
		cb.stopParent = context.AfterFunc(c.Context, cb.run)
	}
	if c.released.Load() {
		go cb.run()
	}
	return cb.stop
}
