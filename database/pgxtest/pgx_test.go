//go:build unix

package pgxtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/sessionstest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

func TestContract(t *testing.T) { run(t, "", database.Options{}) }

// As behind PgBouncer: neither the store nor pgx prepares statements.
func TestContractUnprepared(t *testing.T) {
	run(t, "&default_query_exec_mode=exec", database.Options{NoPrepare: true})
}

func run(t *testing.T, params string, o database.Options) {
	var tables atomic.Int64
	var once sync.Once
	var db *sql.DB
	sessionstest.Run(t, sessionstest.Harness{
		MaxData: database.MaxData,
		Config: func(t testing.TB) driver.Config {
			once.Do(func() {
				var err error
				db, err = sql.Open("pgx", "postgres://postgres@"+servers.Postgres(t).Addr+"/postgres?sslmode=disable"+params)
				if err != nil {
					t.Fatal(err)
				}
				db.SetMaxOpenConns(20)
			})
			return driver.Config{DataDir: fmt.Sprintf("x%d_%t", tables.Add(1), o.NoPrepare)}
		},
		Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			o := o
			o.Table = cfg.DataDir
			return database.New(db, database.PostgreSQL, o).Open(ctx, cfg)
		}),
		Cannot: map[sessionstest.Ability]string{
			sessionstest.Processes:  "a pool belongs to one process",
			sessionstest.Goroutines: "the pool outlives the store",
		},
	})
	if db != nil {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
