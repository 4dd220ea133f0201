//go:build unix

package behaviour

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/google"
	"github.com/pump-go/sessions/internal/servers"
)

func TestMain(m *testing.M) {
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

// emulator is where the tests' Datastore is, once one of them has needed it.
var emulator string

func init() {
	stores = append(stores, store{
		name: "google", driver: driver.OpenFunc(datastore), cannot: map[ability]string{disk: "it has no files"},
		needs: func(t testing.TB) { emulator = servers.Datastore(t).Addr },
	})
}

// datastore has a kind for each directory.
func datastore(ctx context.Context, cfg driver.Config) (driver.Store, error) {
	cfg.URL = fmt.Sprintf("google://test-project?emulator=%s&kind=S%x", emulator, sha256.Sum256([]byte(cfg.DataDir)))
	return google.New(nil, google.Options{}).Open(ctx, cfg)
}
