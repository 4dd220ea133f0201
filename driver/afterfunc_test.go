package driver_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/pump-go/sessions/driver"
)

// AfterFunc works with any context.
func TestAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ran := false
		driver.AfterFunc(ctx, func() { ran = true })
		stop := driver.AfterFunc(ctx, func() { t.Error("a stopped function ran") })
		if !stop() {
			t.Error("stop did not prevent the call")
		}
		cancel()
		synctest.Wait()
		if !ran {
			t.Error("the function did not run")
		}
	})
}
