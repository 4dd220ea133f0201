//go:build linux

package main

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/pump-go/sessions/internal/servers"
)

var (
	seedFlag = flag.Uint64("torture.seed", uint64(time.Now().UnixNano())%100_000, "determines the requests and the faults")
	timeFlag = flag.Duration("torture.time", 4*time.Second, "how long faults are injected, for each store")
)

func TestMain(m *testing.M) {
	if encoded, ok := os.LookupEnv(serverEnv); ok {
		runServer(encoded)
	}
	useMemoryTemp()
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

// short is the plan of the test. A longer run also has faults that outlast store
// calls.
func short() plan {
	return plan{
		Seed: *seedFlag, FaultFree: min(time.Second, *timeFlag/4), FaultTime: *timeFlag,
		Workers: 16, Sessions: 150, StoreTimeout: 5 * time.Second, // the machine may be busy
		ProcessFaults: 300 * time.Millisecond, BackendFaults: 500 * time.Millisecond, Outlast: *timeFlag > 20*time.Second,
	}
}

func TestTorture(t *testing.T) {
	for i := range stores {
		st := &stores[i]
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			res, err := torture(st, short())
			if maySkip(err) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Log(res)
			if n := res.violations(); n > 0 {
				t.Errorf("%d violations; to repeat: -torture.seed %d -torture.time %v", n, res.Seed, *timeFlag)
			}
			if res.Operations < 50 || res.Writes < 20 || res.faults() == 0 {
				t.Errorf("too few operations or sessions")
			}
		})
	}
}
