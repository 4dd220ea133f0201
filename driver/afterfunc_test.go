package driver_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/pump-go/sessions/driver"
)

// Any context will do.
func TestAfterFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ran := false
		driver.AfterFunc(ctx, func() { ran = true })
		stop := driver.AfterFunc(ctx, func() { t.Error("it was stopped") })
		if !stop() {
			t.Error("it was not stopped")
		}
		cancel()
		synctest.Wait()
		if !ran {
			t.Error("it did not run")
		}
	})
}
