package sessionstest_test

import (
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

// redis stands for the driver that your package registers.
var redis driver.OpenFunc

// The whole test of a store that processes share, and whose server removes
// what has expired.
func Example() {
	_ = func(t *testing.T) { // func TestStore(t *testing.T) {
		sessionstest.Run(t, sessionstest.Harness{
			Driver: redis,
			Config: func(t testing.TB) driver.Config { return driver.Config{URL: startServer(t)} },
			Cannot: map[sessionstest.Ability]string{sessionstest.Sweep: "the server removes what has expired"},
		})
	}
}

// A benchmark of the same store.
func ExampleBenchmark() {
	_ = func(b *testing.B) { // func BenchmarkStore(b *testing.B) {
		sessionstest.Benchmark(b, sessionstest.Harness{
			Driver: redis,
			Config: func(t testing.TB) driver.Config { return driver.Config{URL: startServer(t)} },
		})
	}
}

// startServer stands for what starts a server of the test's own, or skips the
// test by name where the program is not installed.
func startServer(t testing.TB) string {
	t.Helper()
	t.Skip("redis-server is not installed")
	return ""
}
