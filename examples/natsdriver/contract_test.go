package natsdriver

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

// harness has one server for all cases, and a bucket for each.
func harness(t testing.TB) sessionstest.Harness {
	var url string
	var buckets atomic.Int64
	return sessionstest.Harness{
		Driver: driver.OpenFunc(open),
		Config: func(testing.TB) driver.Config {
			if url == "" {
				url = startNATS(t)
			}
			return driver.Config{URL: fmt.Sprint(url, "/case-", buckets.Add(1))}
		},
		MaxData: 1020 << 10,
		Damage:  damage,
		Cannot:  map[sessionstest.Ability]string{sessionstest.Sweep: "the server removes what has expired"},
	}
}

func damage(cfg driver.Config, key driver.Key) error {
	opened, err := open(context.Background(), cfg)
	if err != nil {
		return err
	}
	defer opened.Close()
	s := opened.(*store)
	return s.put(context.Background(), s.subject(key), []byte("another program's"), time.Minute)
}

func TestContract(t *testing.T) { sessionstest.Run(t, harness(t)) }

func BenchmarkContract(b *testing.B) { sessionstest.Benchmark(b, harness(b)) }

// startNATS starts a server in this process and returns its URL.
func startNATS(t testing.TB) string {
	t.Helper()
	s, err := newServer(server.RANDOM_PORT, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s.ClientURL()
}

func newServer(port int, dir string) (*server.Server, error) {
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true,
	})
	if err == nil {
		s.Start()
		s.ReadyForConnections(20 * time.Second)
	}
	return s, err
}
