package sessions

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// A bounded context does all that context.WithTimeout's does, whether its timer
// was made or not.

func boundFor(parent context.Context, limit time.Duration) *bounded {
	return (&Manager{opts: Options{StoreTimeout: limit}}).bound(parent)
}

func waited(b *bounded, wait bool) *bounded {
	if wait {
		b.Done()
	}
	return b
}

func TestBoundedEndsInTime(t *testing.T) {
	for _, wait := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := waited(boundFor(t.Context(), time.Second), wait)
			defer b.end()
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

func TestBoundedEndsWithItsParent(t *testing.T) {
	for _, wait := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			parent, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey(7), "seven"), time.Millisecond)
			b := waited(boundFor(parent, time.Hour), wait)
			defer b.end()
			if d, _ := b.Deadline(); time.Until(d) != time.Millisecond {
				t.Errorf("the deadline is in %v, the parent's comes first", time.Until(d))
			}
			if v := b.Value(contextKey(7)); v != "seven" {
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

func TestBoundedIsOverAtItsEnd(t *testing.T) {
	for _, wait := range []bool{false, true} {
		b := waited(boundFor(t.Context(), time.Hour), wait)
		b.end()
		b.end()
		if err := b.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		<-b.Done()
	}
}

func TestBoundedEndsItsChildrenWithoutAGoroutine(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := boundFor(parent, time.Hour)
	before := runtime.NumGoroutine()
	child, stop := context.WithCancel(b)
	defer stop()
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines more", n-before)
	}
	b.end()
	<-child.Done()
	if !errors.Is(child.Err(), context.Canceled) {
		t.Error(child.Err())
	}
}
