package deadline

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A Context does what the one of context.WithTimeout does, with a timer and
// without.

func contextFor(parent context.Context, limit time.Duration) *Context {
	c := Make(parent, limit, new(Timers))
	return &c
}

type testKey struct{}

func waited(b *Context, wait bool) *Context {
	if wait {
		b.Done()
	}
	return b
}

func TestContextEndsInTime(t *testing.T) {
	for _, wait := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := waited(contextFor(t.Context(), time.Second), wait)
			defer b.Release()
			b.Err()
			if d, ok := b.Deadline(); !ok || time.Until(d) != time.Second {
				t.Errorf("the deadline is in %v, %v", time.Until(d), ok)
			}
			time.Sleep(time.Second - time.Nanosecond)
			if err := b.Err(); err != nil {
				t.Errorf("before: %v", err)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if err := b.Err(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("at the end: %v", err)
			}
			<-b.Done()
		})
	}
}

func TestContextEndsWithItsParent(t *testing.T) {
	for _, wait := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithTimeout(context.WithValue(t.Context(), testKey{}, "seven"), time.Millisecond)
			b := waited(contextFor(parent, time.Hour), wait)
			defer b.Release()
			if d, _ := b.Deadline(); time.Until(d) != time.Millisecond {
				t.Errorf("the deadline is in %v, the parent's comes first", time.Until(d))
			}
			if v := b.Value(testKey{}); v != "seven" {
				t.Errorf("the parent's value is %v", v)
			}
			cancel()
			synctest.Wait()
			if err := b.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("the parent was cancelled: %v", err)
			}
			<-b.Done()
		})
	}
}

func TestReleaseEndsTheContext(t *testing.T) {
	for _, wait := range []bool{false, true} {
		b := waited(contextFor(t.Context(), time.Hour), wait)
		b.Release()
		b.Release()
		if err := b.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		<-b.Done()
	}
}

func TestChildrenNeedNoGoroutine(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := contextFor(parent, time.Hour)
	before := runtime.NumGoroutine()
	child, stop := context.WithCancel(b)
	defer stop()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines more", n-before)
	}
	b.Release()
	<-child.Done()
	if !errors.Is(child.Err(), context.Canceled) {
		t.Error(child.Err())
	}
}
