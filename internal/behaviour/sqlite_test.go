//go:build cgo

package behaviour

import (
	"context"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
)

// SQLite is C; a program built without cgo has the other databases alone.
func init() {
	stores = append(stores, store{"database", driver.OpenFunc(sqlite), nil, nil})
}

func sqlite(ctx context.Context, cfg driver.Config) (driver.Store, error) {
	cfg.URL = "sqlite:///sessions.db"
	return database.FromURL(database.Options{}).Open(ctx, cfg)
}
