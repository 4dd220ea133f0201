//go:build unix

package behaviour

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/memcached"
)

func init() {
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

var tables atomic.Int64

// table returns a driver that gives each app its own table.
func table(url string) driver.Driver {
	url += fmt.Sprintf("table=t%d_%d", os.Getpid(), tables.Add(1))
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		cfg.URL = url
		return database.FromURL(database.Options{}).Open(ctx, cfg)
	})
}
