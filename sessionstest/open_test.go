package sessionstest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// directoryHarness returns a harness whose stores need a directory. Their records
// are in memory nonetheless.
func directoryHarness(check func(driver.Config) error) Harness {
	h := brokenHarness(func(*faulty, *mapStore) {})
	open := h.Driver.Open
	h.Driver = driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		if err := check(cfg); err != nil {
			return nil, err
		}
		return open(ctx, cfg)
	})
	h.Config = func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} }
	return h
}

func soundDirectory(cfg driver.Config) error {
	if cfg.DataDir == "" {
		return errors.New("DataDir is empty")
	}
	return os.MkdirAll(cfg.DataDir, 0o700)
}

// urlHarness returns a harness whose stores need a URL.
func urlHarness(check func(string) error) Harness {
	h := directoryHarness(func(cfg driver.Config) error { return check(cfg.URL) })
	h.Config = func(testing.TB) driver.Config { return driver.Config{URL: "map://host/1"} }
	return h
}

// lockedDriver has a backend that only one store can have open.
type lockedDriver struct {
	mapDriver
	open atomic.Bool
}

type lockedStore struct {
	*faulty
	unlock func()
}

func (s *lockedStore) Close() error {
	err := s.faulty.Close()
	s.unlock()
	return err
}

func (d *lockedDriver) Open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	if d.open.Swap(true) {
		return nil, errors.New("resource temporarily unavailable")
	}
	f := sound(newMapStore(cfg, d.backend(cfg).do))
	f.start(cfg)
	return &lockedStore{f, sync.OnceFunc(func() { d.open.Store(false) })}, nil
}

// A backend with an exclusive lock passes if its harness declares Cannot[Share];
// otherwise the failure advises to declare it.
func TestExclusiveLock(t *testing.T) {
	d := new(lockedDriver)
	var backends atomic.Int64
	own := func(testing.TB) driver.Config { return driver.Config{URL: strconv.FormatInt(backends.Add(1), 10)} }
	h := Harness{Driver: d, Config: own, Cannot: map[Ability]string{Share: "the database is locked while it is open"}}
	h.Damage = func(cfg driver.Config, key driver.Key) error {
		if d.open.Load() {
			return errors.New("the database is locked")
		}
		return d.makeUnreadable(cfg, key, damagedVersion)
	}
	for _, f := range newSuite(h, t.Name()).check(t, func(testCase) bool { return true }) {
		t.Errorf("%s: %s", f.name, f)
	}
	h.Cannot = map[Ability]string{Processes: "the records are in this process's memory"}
	got := newSuite(h, t.Name()).check(t, func(c testCase) bool { return c.name == "share-sees-writes" })
	if len(got) != 1 || !strings.Contains(got[0].saw, "declare Cannot[Share]") {
		t.Errorf("without the declaration: %v", got)
	}
}

func TestBrokenOpens(t *testing.T) {
	opens := 0
	for _, b := range []struct {
		name    string
		harness Harness
		by      string // the case that detects it; "" for a correct store
		says    string
	}{
		{"a correct store in a directory", directoryHarness(soundDirectory), "", ""},
		{"uses the working directory", directoryHarness(func(driver.Config) error { return nil }),
			"open-without-a-directory", "Open with neither URL nor DataDir returned no error"},
		{"does not create its directory", directoryHarness(func(cfg driver.Config) error {
			_, err := os.Stat(cfg.DataDir)
			return err
		}), "open-creates-its-directory", "Open failed"},
		{"creates its directory with mode 0755", directoryHarness(func(cfg driver.Config) error {
			return errors.Join(soundDirectory(cfg), os.Chmod(cfg.DataDir, 0o755))
		}), "open-creates-its-directory", "mode 0755"},
		{"a correct store with a URL", urlHarness(func(s string) error {
			if _, err := url.Parse(s); err != nil {
				return errors.New("Options.URL must be like map://host/1")
			}
			return nil
		}), "", ""},
		{"wraps the error of url.Parse", urlHarness(func(s string) error {
			_, err := url.Parse(s)
			return err
		}), "open-hides-secrets", "which contains the password"},
		{"quotes an unexpected URL", directoryHarness(func(cfg driver.Config) error {
			if cfg.URL != "" {
				return fmt.Errorf("URL %q: this store has none", cfg.URL)
			}
			return soundDirectory(cfg)
		}), "open-hides-secrets", "which contains the password"},
		{"quotes the parameters", urlHarness(func(s string) error {
			if _, query, _ := strings.Cut(s, "?"); query != "" {
				return fmt.Errorf("unknown parameters %q", query)
			}
			return nil
		}), "open-hides-secrets", "which contains the password"},
		{"does not open with a damaged record", directoryHarness(func(driver.Config) error {
			if opens++; opens%2 == 0 {
				return driver.ErrCorrupt
			}
			return nil
		}), "damaged-reopen", "Open failed"},
	} {
		t.Run(b.name, func(t *testing.T) {
			pick := func(c testCase) bool {
				return c.name == b.by || b.by == "" && (strings.HasPrefix(c.name, "open-") || c.name == "damaged-reopen")
			}
			got := newSuite(b.harness, t.Name()).check(t, pick)
			switch {
			case b.by == "" && len(got) > 0:
				t.Errorf("a correct store failed: %v", got)
			case b.by != "" && (len(got) == 0 || !strings.Contains(got[0].saw, b.says)):
				t.Errorf("%s saw %v, want %q", b.by, got, b.says)
			}
		})
	}
}
