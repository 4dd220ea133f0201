package deadline

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions/driver"
)

// The function runs once when the Context ends, however it ends, unless it is
// stopped first.
func TestAfterFunc(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration // when it is to run; 0: never
		do    func(b *Context, parent context.CancelFunc, stop func() bool)
	}{
		"the time is up":     {time.Second, func(*Context, context.CancelFunc, func() bool) {}},
		"it ended":           {time.Millisecond, func(b *Context, _ context.CancelFunc, _ func() bool) { b.Release() }},
		"the parent ended":   {time.Millisecond, func(_ *Context, cancel context.CancelFunc, _ func() bool) { cancel() }},
		"both":               {time.Millisecond, func(b *Context, cancel context.CancelFunc, _ func() bool) { b.Release(); cancel() }},
		"it was stopped":     {0, func(_ *Context, _ context.CancelFunc, stop func() bool) { stop() }},
		"stopped, and ended": {0, func(b *Context, _ context.CancelFunc, stop func() bool) { stop(); b.Release() }},
	} {
		for _, kind := range []string{"first", "second", "with a timer"} {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				b := contextFor(parent, time.Second)
				defer b.Release()
				switch kind {
				case "second":
					defer driver.AfterFunc(b, func() {})()
				case "with a timer":
					b.Done()
				}
				began := time.Now()
				var ran atomic.Int64
				stop := driver.AfterFunc(b, func() { ran.Add(1 + int64(time.Since(began))) })
				time.Sleep(time.Millisecond)
				test.do(b, cancel, stop)
				time.Sleep(time.Hour)
				synctest.Wait()
				want := int64(0)
				if test.after > 0 {
					want = 1 + int64(test.after)
				}
				if got := ran.Load(); got != want {
					t.Errorf("%s, %s: it ran at %v, want %v", kind, name, time.Duration(got-1), time.Duration(want-1))
				}
				if stop() {
					t.Errorf("%s, %s: stopped again", kind, name)
				}
			})
		}
	}
}

func TestAfterFuncOfAnEndedContext(t *testing.T) {
	for name, end := range map[string]func(*Context, context.CancelFunc){
		"it":         func(b *Context, _ context.CancelFunc) { b.Release() },
		"the parent": func(_ *Context, cancel context.CancelFunc) { cancel() },
		"the time":   func(b *Context, _ context.CancelFunc) { b.limit(); time.Sleep(2 * time.Second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithCancel(t.Context())
			defer cancel()
			b := contextFor(parent, time.Second)
			defer b.Release()
			end(b, cancel)
			ran := make(chan bool, 2)
			driver.AfterFunc(b, func() { ran <- true })
			synctest.Wait()
			if len(ran) != 1 {
				t.Errorf("%s is over: it ran %d times", name, len(ran))
			}
		})
	}
}

// One timer is enough for calls that follow each other, whatever their limits.
func TestTimersAreReused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var timers Timers
		for i := range 100 {
			limit := time.Second
			if i%3 == 0 {
				limit = time.Second / 2
			}
			b := Make(t.Context(), limit, &timers)
			var fired atomic.Bool
			stop := b.AfterFunc(func() { fired.Store(true) })
			hangs := i%10 == 9
			if hangs {
				time.Sleep(limit - 1)
				synctest.Wait()
				if fired.Load() {
					t.Fatalf("call %d: it fired early", i)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
			} else {
				time.Sleep(100 * time.Millisecond)
			}
			if stop() == hangs || fired.Load() != hangs {
				t.Errorf("call %d hangs: %v, it fired: %v", i, hangs, fired.Load())
			}
			b.Release()
		}
	})
}

func TestTimersOfConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all Timers
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for j := range 50 {
					limit := time.Duration(1+(i*7+j*13)%20) * time.Millisecond
					began, fired := time.Now(), make(chan time.Duration, 1)
					w := &callback{f: func() { fired <- time.Since(began) }, timers: &all}
					w.mu.Lock()
					w.timer = all.set(began.Add(limit), w)
					w.mu.Unlock()
					if j%2 == 0 {
						if at := <-fired; at != limit {
							t.Errorf("it fired after %v, want %v", at, limit)
						}
					} else if time.Sleep(limit / 2); !w.stop() {
						t.Error("it fired early")
					}
				}
			})
		}
		wg.Wait()
	})
}
