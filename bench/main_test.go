package bench

import (
	"os"
	"runtime"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

// held is about what a small program keeps in memory. The garbage collector
// starts when as much again has been allocated; in a process that holds next to
// nothing it would start a thousand times a second, and be what is measured.
var held = make([]byte, 64<<20)

var touched []byte

func TestMain(m *testing.M) {
	// Touch the heap once, or the first benchmark does, and pays for it.
	for range 2 * len(held) / 4096 {
		touched = make([]byte, 4096)
	}
	code := m.Run()
	servers.StopAll()
	runtime.KeepAlive(held)
	os.Exit(code)
}
