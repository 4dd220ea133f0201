package file

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

func harness(o Options) sessionstest.Harness {
	return sessionstest.Harness{
		Driver: New(o),
		Config: func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} },
		Damage: func(cfg driver.Config, key driver.Key) error {
			name := key.String()
			path := filepath.Join(namespaceDir(cfg.DataDir, cfg.Namespace), "records", name[:2], name)
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[slotHead+1] ^= 1 // in both slots
			b[len(b)/2+slotHead+1] ^= 1
			return os.WriteFile(path, b, fileMode)
		},
		Newer: func(cfg driver.Config, key driver.Key) error {
			name := key.String()
			path := filepath.Join(namespaceDir(cfg.DataDir, cfg.Namespace), "records", name[:2], name)
			return os.WriteFile(path, sessionstest.NewerRecord(), fileMode)
		},
		MaxData: maxData,
	}
}

func TestContract(t *testing.T) { sessionstest.Run(t, harness(Options{})) }

func TestContractWithSyncAndLockDir(t *testing.T) {
	h := harness(Options{Sync: true})
	h.Config = func(t testing.TB) driver.Config {
		return driver.Config{DataDir: quickDir(t), LockDir: quickDir(t)}
	}
	sessionstest.Run(t, h)
}

func BenchmarkStore(b *testing.B) { sessionstest.Benchmark(b, harness(Options{})) }
