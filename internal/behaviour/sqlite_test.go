//go:build cgo

package behaviour

import (
	"context"
	"testing"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

// This SQLite driver needs cgo.
func init() {
	stores = append(stores, store{name: "database", driver: driver.OpenFunc(sqlite)})
	shared["SQLite"] = func(testing.TB) string { return "sqlite:///sessions.db" }
}

func sqlite(ctx context.Context, cfg driver.Config) (driver.Store, error) {
	cfg.URL = "sqlite:///sessions.db"
	return database.FromURL(database.Options{}).Open(ctx, cfg)
}
