package bench

import (
	"os"
	"runtime"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

// held is a live heap of a small program's size. The garbage collector starts when as
// much again has been allocated; with an almost empty heap it would run a thousand
// times per second and dominate the measurement.
var held = make([]byte, 64<<20)

var touched []byte

func TestMain(m *testing.M) {
	// Touch the heap now, so that the first benchmark does not pay for it.
	for range 2 * len(held) / 4096 {
		touched = make([]byte, 4096)
	}
	code := m.Run()
	servers.StopAll()
	runtime.KeepAlive(held)
	os.Exit(code)
}
