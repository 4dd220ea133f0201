package bench

import (
	"flag"
	"os"
	"runtime"
	"testing"

	"github.com/pump-go/sessions/internal/servers"
)

// ballast is the size of a live heap like that of a program that does something besides
// sessions. The garbage collector starts when as much again has been allocated, but
// at least 4 MB; with an almost empty heap it runs a thousand times per second. What it
// costs then is shown by BenchmarkSmall, with -ballast 0.
var ballast = flag.Int("ballast", 64, "megabytes of live heap to hold")

var held, touched []byte

func TestMain(m *testing.M) {
	flag.Parse()
	held = make([]byte, *ballast<<20)
	// Touch the heap now, so that the first benchmark does not pay for it.
	for range 2 * len(held) / 4096 {
		touched = make([]byte, 4096)
	}
	code := m.Run()
	servers.StopAll()
	runtime.KeepAlive(held)
	os.Exit(code)
}
