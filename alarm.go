package sessions

import (
	"context"
	"sync"
	"time"
)

// alarms are used again, with the timers in them. A timer that was set for one
// call is left to run for the next, and set anew only when it goes off: to set
// one and take it back for each call costs a microsecond, and nearly none ever
// has to go off.
type alarms struct{ pool sync.Pool }

// alarm runs what it is set for at a time, unless it is taken back first.
type alarm struct {
	mu    sync.Mutex
	timer *time.Timer
	goes  time.Time // when the timer goes off; zero: it does not
	at    time.Time
	whom  *afterward // nil: nobody
}

func (p *alarms) set(at time.Time, whom *afterward) *alarm {
	a, ok := p.pool.Get().(*alarm)
	if !ok {
		a = new(alarm)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at, a.whom = at, whom
	if a.goes.IsZero() || a.goes.After(at) {
		a.start()
	}
	return a
}

// start wants mu held.
func (a *alarm) start() {
	if wait := time.Until(a.at); a.timer == nil {
		a.timer = time.AfterFunc(wait, a.off)
	} else {
		a.timer.Reset(wait)
	}
	a.goes = a.at
}

// off is what the timer does.
func (a *alarm) off() {
	a.mu.Lock()
	a.goes = time.Time{}
	whom := a.whom
	if whom != nil && time.Until(a.at) > 0 { // it was set for an earlier call
		a.start()
		whom = nil
	}
	a.mu.Unlock()
	if whom != nil {
		whom.run()
	}
}

// back takes the alarm back, for the next to use.
func (p *alarms) back(a *alarm) {
	a.mu.Lock()
	a.whom = nil
	a.mu.Unlock()
	p.pool.Put(a)
}

// afterward is a function that is to run when a bounded context ends.
type afterward struct {
	mu     sync.Mutex
	f      func() // nil: it was started, or stopped
	alarms *alarms
	alarm  *alarm
	parent func() bool // stops waiting for the parent; nil: it never ends
}

// take returns f to the first who asks, and lets go of the rest.
func (w *afterward) take() func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.f
	if f == nil {
		return nil
	}
	w.f = nil
	w.alarms.back(w.alarm)
	if w.parent != nil {
		w.parent()
	}
	return f
}

func (w *afterward) run() {
	if f := w.take(); f != nil {
		f()
	}
}

func (w *afterward) stop() bool { return w.take() != nil }

// AfterFunc does what context.AfterFunc would; see driver.AfterFunc.
func (b *bounded) AfterFunc(f func()) (stop func() bool) {
	end, _ := b.Deadline()
	w := &afterward{f: f, alarms: &b.m.alarms}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !b.after.CompareAndSwap(nil, w) {
		b.Done()
		return context.AfterFunc(b.timed.Load(), f) // one is enough for the stores there are
	}
	w.alarm = w.alarms.set(end, w)
	if b.Context.Done() != nil {
		w.parent = context.AfterFunc(b.Context, w.run)
	}
	if b.ended.Load() {
		go w.run()
	}
	return w.stop
}
