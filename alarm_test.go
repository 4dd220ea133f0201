package sessions

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions/driver"
)

// What is to run after a bounded context runs when that ends, in whichever way,
// and once, unless it is stopped.
func TestWhatRunsAfterABoundedContext(t *testing.T) {
	for name, test := range map[string]struct {
		after time.Duration // when it is to run; 0: never
		do    func(b *bounded, parent context.CancelFunc, stop func() bool)
	}{
		"the time is up":     {time.Second, func(*bounded, context.CancelFunc, func() bool) {}},
		"it ended":           {time.Millisecond, func(b *bounded, _ context.CancelFunc, _ func() bool) { b.end() }},
		"the parent ended":   {time.Millisecond, func(_ *bounded, cancel context.CancelFunc, _ func() bool) { cancel() }},
		"both":               {time.Millisecond, func(b *bounded, cancel context.CancelFunc, _ func() bool) { b.end(); cancel() }},
		"it was stopped":     {0, func(_ *bounded, _ context.CancelFunc, stop func() bool) { stop() }},
		"stopped, and ended": {0, func(b *bounded, _ context.CancelFunc, stop func() bool) { stop(); b.end() }},
	} {
		for _, kind := range []string{"first", "second", "with a timer"} {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				b := boundFor(parent, time.Second)
				defer b.end()
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

func TestWhatRunsAfterWhatIsOver(t *testing.T) {
	for name, end := range map[string]func(*bounded, context.CancelFunc){
		"it":         func(b *bounded, _ context.CancelFunc) { b.end() },
		"the parent": func(_ *bounded, cancel context.CancelFunc) { cancel() },
		"the time":   func(b *bounded, _ context.CancelFunc) { b.deadline(); time.Sleep(2 * time.Second) },
	} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithCancel(t.Context())
			defer cancel()
			b := boundFor(parent, time.Second)
			defer b.end()
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
func TestAlarmsAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(Manager)
		for i := range 100 {
			limit := time.Second
			if i%3 == 0 {
				limit = time.Second / 2
			}
			m.opts.StoreTimeout = limit
			b := m.bound(t.Context())
			var rang atomic.Bool
			stop := driver.AfterFunc(b, func() { rang.Store(true) })
			hangs := i%10 == 9
			if hangs {
				time.Sleep(limit - 1)
				synctest.Wait()
				if rang.Load() {
					t.Fatalf("call %d: it rang early", i)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
			} else {
				time.Sleep(100 * time.Millisecond)
			}
			if stop() == hangs || rang.Load() != hangs {
				t.Errorf("call %d hangs: %v, it rang: %v", i, hangs, rang.Load())
			}
			b.end()
		}
	})
}

func TestAlarmsOfManyCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all alarms
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				for j := range 50 {
					limit := time.Duration(1+(i*7+j*13)%20) * time.Millisecond
					began, rang := time.Now(), make(chan time.Duration, 1)
					w := &afterward{f: func() { rang <- time.Since(began) }, alarms: &all}
					w.mu.Lock()
					w.alarm = all.set(began.Add(limit), w)
					w.mu.Unlock()
					if j%2 == 0 {
						if at := <-rang; at != limit {
							t.Errorf("it rang after %v, want %v", at, limit)
						}
					} else if time.Sleep(limit / 2); !w.stop() {
						t.Error("it rang early")
					}
				}
			})
		}
		wg.Wait()
	})
}
