//go:build unix

package sessionstest

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// openFile opens a mapStore whose map is in a file, for many processes.
func openFile(_ context.Context, cfg driver.Config) (driver.Store, error) {
	if cfg.DataDir == "" {
		return nil, errors.New("no DataDir")
	}
	path := filepath.Join(cfg.DataDir, "records")
	s := newMapStore(cfg, func(f func(mapRecords) error) error { return inFile(path, f) })
	s.start(cfg)
	return s, nil
}

// inFile calls f with the map in the file, under an exclusive lock.
func inFile(path string, f func(mapRecords) error) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // releases the lock
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	records := make(mapRecords)
	if err := gob.NewDecoder(file).Decode(&records); err != nil && err != io.EOF {
		return err
	}
	if err := f(records); err != nil {
		return err
	}
	if err := errors.Join(file.Truncate(0), seekStart(file)); err != nil {
		return err
	}
	return gob.NewEncoder(file).Encode(records)
}

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}

// processHarness returns a harness whose backend processes share.
func processHarness() Harness {
	return Harness{
		Driver: driver.OpenFunc(openFile),
		Config: func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} },
	}
}

func TestProcesses(t *testing.T) {
	// In a subtest, which a second process must find too.
	t.Run("in a subtest", func(t *testing.T) {
		h := processHarness()
		serveSecondProcess(t, h)
		s := newSuite(h, t.Name())
		for _, c := range processCases {
			t.Run(c.name, func(t *testing.T) {
				for _, f := range s.run(t, c).failures {
					t.Error(f)
				}
			})
		}
	})
}
