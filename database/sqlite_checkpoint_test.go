//go:build unix

package database_test

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The store copies SQLite's log to the file in the background, long before SQLite does
// so at the end of a write, for which other writers wait.
func TestSQLiteCheckpointsInTheBackground(t *testing.T) {
	url := sqliteURL(t, "")
	s := openURL(t, url)
	for range 1000 {
		must(t, s.Save(t.Context(), newKey(), 0, record(strings.Repeat("x", 100))))
	}
	for start := time.Now(); size(t, sqliteFile(url)) < 1000*100; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("the file has %d bytes after a thousand sessions", size(t, sqliteFile(url)))
		}
	}
}

// SQLite begins its log again only when all of it has been copied, and a checkpoint
// during writes never copies the pages at its end.
func TestSQLiteBoundsTheLogUnderLoad(t *testing.T) {
	url := sqliteURL(t, "")
	s := openURL(t, url)
	var pages atomic.Int64 // each write adds one or more
	const enough = 100_000
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			key, rec := newKey(), record("")
			err := s.Save(t.Context(), key, 0, rec)
			for err == nil && pages.Add(1) < enough {
				if _, err = s.Load(t.Context(), key); err != nil {
					break
				}
				old := rec.Version
				rec.Version = newVersion()
				err = s.Save(t.Context(), key, old, rec)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := size(t, sqliteFile(url)+"-wal") / 4096; got > enough/2 {
		t.Errorf("the log has %d pages after %d writes", got, enough)
	}
}

func size(t *testing.T, file string) int64 {
	t.Helper()
	info, err := os.Stat(file)
	must(t, err)
	return info.Size()
}
