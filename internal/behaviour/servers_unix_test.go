//go:build unix

package behaviour

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/memcached"
	"github.com/pump-go/sessions/redis"
)

func init() {
	shared["postgres"] = func(t testing.TB) string {
		return fmt.Sprintf("postgresql://postgres@%s/postgres?sslmode=disable&table=t%d_%d", servers.Postgres(t).Addr, os.Getpid(), tables.Add(1))
	}
	stores = append(stores,
		store{name: "postgres", server: func(t testing.TB) driver.Driver {
			return table("postgresql://postgres@" + servers.Postgres(t).Addr + "/postgres?sslmode=disable&")
		}, cannot: noFiles},
		store{name: "mariadb", server: func(t testing.TB) driver.Driver {
			return table("mysql://root@" + servers.MariaDB(t).Addr + "/test?")
		}, cannot: noFiles},
		store{name: "memcached", server: func(t testing.TB) driver.Driver {
			addr := servers.OwnMemcached(t).Addr
			return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
				cfg.URL = addr
				return memcached.New(nil, memcached.Options{}).Open(ctx, cfg)
			})
		}, cannot: map[ability]string{disk: "it has no files", list: "memcached names no keys"}},
		store{name: "redis", server: func(t testing.TB) driver.Driver {
			return redisAt("redis://" + servers.Redis(t).Addr)
		}, cannot: noFiles},
		store{name: "redis cluster", server: func(t testing.TB) driver.Driver {
			cluster, err := redisCluster()
			if servers.MaySkip(err) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			return redisAt("redis://" + cluster.Addrs() + "?cluster=true")
		}, cannot: noFiles},
		store{name: "google", server: func(t testing.TB) driver.Driver {
			url := fmt.Sprintf("google://test-project?emulator=%s&kind=S%d_%d", servers.Datastore(t).Addr, os.Getpid(), tables.Add(1))
			return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
				cfg.URL = url
				return google.New(nil, google.Options{}).Open(ctx, cfg)
			})
		}, cannot: noFiles},
	)
}

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

var redisCluster = sync.OnceValues(servers.StartRedisCluster)

// redisAt returns a driver that gives each app its own keys.
func redisAt(url string) driver.Driver {
	app := fmt.Sprintf("a%d", tables.Add(1))
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		cfg.URL = url
		cfg.Namespace = app + cfg.Namespace
		return redis.New(nil, redis.Options{}).Open(ctx, cfg)
	})
}

var tables atomic.Int64

// table returns a driver that gives each app its own table.
func table(url string) driver.Driver {
	url += fmt.Sprintf("table=t%d_%d", os.Getpid(), tables.Add(1))
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		cfg.URL = url
		return database.FromURL(database.Options{}).Open(ctx, cfg)
	})
}
