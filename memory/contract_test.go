package memory_test

import (
	"testing"

	"github.com/pump-go/sessions/memory"
	"github.com/pump-go/sessions/sessionstest"
)

var harness = sessionstest.Harness{
	Driver: memory.New(memory.Options{}),
	Cannot: map[sessionstest.Ability]string{
		sessionstest.Share:  "each store has its own memory",
		sessionstest.Reopen: "Close drops the sessions",
	},
}

func TestContract(t *testing.T) { sessionstest.Run(t, harness) }

func BenchmarkContract(b *testing.B) { sessionstest.Benchmark(b, harness) }
