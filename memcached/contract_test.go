package memcached_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memcached"
	"github.com/pump-go/sessions/sessionstest"
)

// harness uses two servers for all cases of a test, and a namespace for each case.
func harness(t testing.TB) sessionstest.Harness {
	installed(t)
	url := sync.OnceValue(func() string { return start(t, "-m", "256").addr() + ";" + start(t, "-m", "256").addr() })
	var cases atomic.Int64
	return sessionstest.Harness{
		Driver: memcached.New(nil, memcached.Options{}),
		Config: func(testing.TB) driver.Config {
			return driver.Config{URL: url(), Namespace: fmt.Sprint("case-", cases.Add(1))}
		},
		Cannot: map[sessionstest.Ability]string{
			sessionstest.List:   "memcached does not list its keys",
			sessionstest.Owners: "an index of owners could be evicted",
			sessionstest.Sweep:  "the server removes expired items itself",
		},
		MaxData: 1<<20 - 512,
		Damage: func(cfg driver.Config, key driver.Key) error {
			return rewrite(cfg, key, func(b []byte) []byte { return b[:len(b)/2] })
		},
		Newer: func(cfg driver.Config, key driver.Key) error {
			return rewrite(cfg, key, func([]byte) []byte { return newer() })
		},
	}
}

// rewrite changes the stored bytes of a record.
func rewrite(cfg driver.Config, key driver.Key, change func([]byte) []byte) error {
	client, err := clientOf(cfg.URL)
	if err != nil {
		return err
	}
	item, err := client.Get(cfg.Namespace + ":" + key.String())
	if err != nil {
		return err
	}
	item.Value = change(item.Value)
	return errors.Join(client.Set(item), client.Close())
}

// clientOf returns a client for the store's items.
func clientOf(url string) (*memcache.Client, error) {
	selector, err := memcached.NewSelector(strings.Split(url, ";")...)
	if err != nil {
		return nil, err
	}
	return memcache.NewFromSelector(selector), nil
}

func TestContract(t *testing.T) { sessionstest.Run(t, harness(t)) }

func BenchmarkContract(b *testing.B) { sessionstest.Benchmark(b, harness(b)) }
