package driver_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pump-go/sessions/driver"
)

func TestGateWaitsForCallsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate driver.Gate
		for range 2 {
			if err := gate.Enter(); err != nil {
				t.Fatal(err)
			}
		}
		released, closed := false, false
		go func() {
			gate.Close(func() error { released = true; return nil })
			closed = true
		}()
		synctest.Wait()
		if err := gate.Enter(); !errors.Is(err, driver.ErrClosed) {
			t.Errorf("Enter after Close: %v", err)
		}
		gate.Leave()
		synctest.Wait()
		if released || closed {
			t.Error("Close did not wait for the last call")
		}
		gate.Leave()
		synctest.Wait()
		if !released || !closed {
			t.Errorf("after the last call left: released %v, closed %v", released, closed)
		}
	})
}

func TestEveryCloseReturnsAfterTheRelease(t *testing.T) {
	var gate driver.Gate
	released := false // a plain value: the race detector sees a Close that does not wait
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			gate.Close(func() error { released = true; return nil })
			if !released {
				t.Error("Close returned before the release")
			}
		})
	}
	wg.Wait()
}

func TestGateReleasesInOrderAndOnce(t *testing.T) {
	var gate driver.Gate
	var order []int
	first, second := errors.New("first"), errors.New("second")
	release := func(i int, err error) func() error {
		return func() error { order = append(order, i); return err }
	}
	err := gate.Close(release(1, first), release(2, nil), release(3, second))
	if !errors.Is(err, first) || !errors.Is(err, second) {
		t.Errorf("Close: %v, want both errors", err)
	}
	if again := gate.Close(release(4, nil)); again != err {
		t.Errorf("second Close: %v, want the first one's", again)
	}
	if len(order) != 3 || order[0] != 1 || order[1] != 2 || order[2] != 3 {
		t.Errorf("released in order %v", order)
	}
	if err := gate.Enter(); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("Enter: %v", err)
	}
}

func TestGateUnused(t *testing.T) {
	var gate driver.Gate
	if err := gate.Close(); err != nil {
		t.Error(err)
	}
}

func TestGateDuringCalls(t *testing.T) {
	var gate driver.Gate
	var resource struct { // a plain value: the race detector sees a use after its release
		sync.Mutex
		open bool
	}
	resource.open = true
	var wg, going sync.WaitGroup
	going.Add(8)
	for range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if i == 100 {
					going.Done()
				}
				if gate.Enter() != nil {
					return
				}
				resource.Lock()
				if !resource.open {
					t.Error("a call is inside after the release")
				}
				resource.Unlock()
				gate.Leave()
			}
		})
	}
	going.Wait()
	gate.Close(func() error { resource.open = false; return nil })
	wg.Wait()
}
