package redisdriver_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/examples/redisdriver"
	"github.com/pump-go/sessions/sessionstest"
)

// harness has one server for all cases, and a namespace for each.
func harness(t testing.TB) sessionstest.Harness {
	installed(t)
	server := sync.OnceValue(func() *server { return startRedis(t) })
	var cases, damages atomic.Int64
	return sessionstest.Harness{
		Driver: redisdriver.New(nil),
		Config: func(testing.TB) driver.Config {
			return driver.Config{URL: server().url(), Namespace: fmt.Sprint("case-", cases.Add(1))}
		},
		MaxData: 4 << 20,
		Damage: func(cfg driver.Config, key driver.Key) error {
			client := server().client()
			defer client.Close()
			ctx, name := context.Background(), "sessions:"+cfg.Namespace+":"+key.String()
			if damages.Add(1)%2 == 0 {
				return client.HSet(ctx, name, "record", "damaged").Err()
			}
			return client.Set(ctx, name, "another program's", 0).Err()
		},
	}
}

func TestContract(t *testing.T) { sessionstest.Run(t, harness(t)) }

func BenchmarkContract(b *testing.B) { sessionstest.Benchmark(b, harness(b)) }
