//go:build !linux

package bench

import (
	"net/http"
	"testing"
)

// rawInPlace is measured on Linux only.
func rawInPlace(bool) func(testing.TB) app {
	return func(testing.TB) app { return app{handler: func(work) http.Handler { return nil }} }
}
