//go:build unix

package redis_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/redis"
	"github.com/pump-go/sessions/sessionstest"
)

// cases counts the cases of all runs.
var cases atomic.Int64

// harness uses the servers of a URL for all cases, with a namespace for each case.
func harness(url func(testing.TB) string, raw func(url string) goredis.UniversalClient) sessionstest.Harness {
	var damages atomic.Int64
	name := func(cfg driver.Config, key driver.Key) string {
		return "sessions:" + cfg.Namespace + ":" + key.String()
	}
	return sessionstest.Harness{
		Driver: redis.New(nil, redis.Options{}),
		Config: func(t testing.TB) driver.Config {
			return driver.Config{URL: url(t), Namespace: fmt.Sprint("case-", cases.Add(1))}
		},
		Cannot: map[sessionstest.Ability]string{
			sessionstest.Sweep: "the server removes expired records itself",
		},
		MaxData: 4 << 20,
		Damage: func(cfg driver.Config, key driver.Key) error {
			client := raw(cfg.URL)
			defer client.Close()
			ctx := context.Background()
			switch damages.Add(1) % 3 {
			case 0:
				return client.Set(ctx, name(cfg, key), "damaged", goredis.KeepTTL).Err()
			case 1:
				return client.SetRange(ctx, name(cfg, key), 36, "!!!").Err()
			}
			if err := client.Del(ctx, name(cfg, key)).Err(); err != nil {
				return err
			}
			return client.HSet(ctx, name(cfg, key), "of", "another program").Err()
		},
		Newer: func(cfg driver.Config, key driver.Key) error {
			client := raw(cfg.URL)
			defer client.Close()
			return client.Set(context.Background(), name(cfg, key), newer(), goredis.KeepTTL).Err()
		},
	}
}

// rawClient returns a client for the values of the store with the URL.
func rawClient(url string) goredis.UniversalClient {
	list, query, _ := strings.Cut(strings.TrimPrefix(url, "redis://"), "?")
	o := &goredis.UniversalOptions{Addrs: strings.Split(list, ",")}
	if name, ok := strings.CutPrefix(query, "master="); ok {
		o.MasterName = name
	}
	return goredis.NewUniversalClient(o)
}

// newer returns an intact record of a later format.
func newer() []byte {
	b := []byte("\x02what a later version writes")
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestContract(t *testing.T)           { sessionstest.Run(t, harness(singleURL, rawClient)) }
func TestContractOnCluster(t *testing.T)  { sessionstest.Run(t, harness(clusterURL, rawClient)) }
func TestContractOnSentinel(t *testing.T) { sessionstest.Run(t, harness(sentinelURL, rawClient)) }

func BenchmarkContract(b *testing.B) { sessionstest.Benchmark(b, harness(singleURL, rawClient)) }

func singleURL(t testing.TB) string { return "redis://" + servers.Redis(t).Addr }

func clusterURL(t testing.TB) string {
	t.Helper()
	cluster, err := sharedCluster()
	skipIfMissing(t, err)
	return "redis://" + cluster.Addrs() + "?cluster=true"
}

func sentinelURL(t testing.TB) string {
	t.Helper()
	s, err := sharedSentinel()
	skipIfMissing(t, err)
	return "redis://" + s.Addrs() + "?master=sessions"
}

var (
	sharedCluster  = sync.OnceValues(servers.StartRedisCluster)
	sharedSentinel = sync.OnceValues(servers.StartRedisSentinel)
)

func skipIfMissing(t testing.TB, err error) {
	t.Helper()
	if servers.MaySkip(err) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
