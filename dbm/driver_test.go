package dbm_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	sessionstest.Run(t, sessionstest.Harness{
		Driver:  dbm.New(dbm.Options{}),
		Config:  func(t testing.TB) driver.Config { return driver.Config{DataDir: t.TempDir()} },
		MaxData: dbm.MaxData,
		Damage:  damage,
		Newer:   newerRecord,
	})
}

// TestStoreWithoutLinger closes the file after every call.
func TestStoreWithoutLinger(t *testing.T) {
	t.Parallel()
	sessionstest.Run(t, sessionstest.Harness{
		Driver: dbm.New(dbm.Options{Linger: time.Nanosecond}),
		Config: func(t testing.TB) driver.Config {
			dir := t.TempDir()
			return driver.Config{URL: "dbm:" + filepath.ToSlash(filepath.Join(dir, "x.db")), LockDir: filepath.Join(dir, "locks")}
		},
		MaxData: dbm.MaxData,
	})
}

// TestStoreWithDB uses a database that the program has opened.
func TestStoreWithDB(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	dbs := map[string]*bbolt.DB{}
	sessionstest.Run(t, sessionstest.Harness{
		Driver: driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			mu.Lock()
			defer mu.Unlock()
			db := dbs[cfg.URL]
			cfg.URL = ""
			return dbm.NewWithDB(db).Open(ctx, cfg)
		}),
		Config: func(t testing.TB) driver.Config {
			dir := t.TempDir()
			db, err := bbolt.Open(filepath.Join(dir, "own.db"), 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			mu.Lock()
			defer mu.Unlock()
			dbs[dir] = db
			return driver.Config{URL: dir}
		},
		Cannot:  map[sessionstest.Ability]string{sessionstest.Processes: "the program holds the database"},
		MaxData: dbm.MaxData,
	})
}

// damage flips a bit of a stored record.
func damage(cfg driver.Config, key driver.Key) error {
	return rewrite(cfg, key, func(raw []byte) []byte { raw[len(raw)/2] ^= 4; return raw })
}

// newerRecord replaces a stored record by one of a newer format.
func newerRecord(cfg driver.Config, key driver.Key) error {
	return rewrite(cfg, key, func([]byte) []byte { return sessionstest.NewerRecord() })
}

func rewrite(cfg driver.Config, key driver.Key, change func([]byte) []byte) error {
	db, err := bbolt.Open(filepath.Join(cfg.DataDir, "sessions.db"), 0o600, &bbolt.Options{Timeout: 10 * time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("sessions/" + cfg.Namespace + "/records"))
		return b.Put(key[:], change(slices.Clone(b.Get(key[:]))))
	})
	return errors.Join(err, db.Close())
}

func TestImportRegistersTheStore(t *testing.T) {
	if names := sessions.Drivers(); !slices.Contains(names, "dbm") {
		t.Errorf("registered: %q", names)
	}
}

func TestURL(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	slash := filepath.ToSlash(dir)
	if runtime.GOOS == "windows" {
		slash = "/" + slash
	}
	const own = "data/sessions.db"
	for url, want := range map[string]string{
		"":                              own,
		"dbm:":                          own,
		"dbm://":                        own,
		"DBM:":                          own,
		"dbm://" + slash + "/a/abs.db":  "a/abs.db",
		"dbm:" + slash + "/a/abs2.db":   "a/abs2.db",
		"dbm:rel/x.db":                  "rel/x.db",
		"dbm:rel.db":                    "rel.db",
		"dbm:with%20space/x.db":         "with space/x.db",
		"dbm://hunter2/x.db":            "!Options.URL must be",
		"dbm://:hunter2@/x.db":          "!Options.URL must be",
		"dbm://user:hunter2@h/x.db":     "!Options.URL must be",
		"sqlite:///hunter2.db":          "!Options.URL must be",
		"hunter2":                       "!Options.URL must be",
		"dbm:/hunter2/":                 "!Options.URL must be",
		"dbm:/":                         "!Options.URL must be",
		"dbm:x.db#hunter2":              "!Options.URL must be",
		"dbm:%hunter2":                  "!Options.URL must be",
		"dbm:x.db?a=%hunter2":           "!Options.URL must be",
		"dbm:x.db?sync=hunter2":         `!unknown parameter "sync"`,
		"dbm:?linger=hunter2&b=hunter2": `!unknown parameter "b"`,
	} {
		s, err := dbm.New(dbm.Options{}).Open(t.Context(), driver.Config{URL: url, DataDir: "data"})
		if want[0] == '!' {
			if err == nil || !strings.HasPrefix(err.Error(), "dbm: open: ") || !strings.Contains(err.Error(), want[1:]) {
				t.Errorf("%q: error %v, want one with %q", url, err, want[1:])
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: the error quotes the URL: %v", url, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", url, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(want))); err != nil {
			t.Errorf("%q: %v", url, err)
		}
		s.Close()
	}
}

func TestOpenRejectsInvalidPaths(t *testing.T) {
	if _, err := dbm.New(dbm.Options{}).Open(t.Context(), driver.Config{}); err == nil || !strings.Contains(err.Error(), "DataDir") {
		t.Errorf("without DataDir: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []driver.Config{
		{DataDir: file},
		{DataDir: filepath.Join(file, "below")},
		{DataDir: t.TempDir(), LockDir: file},
		{URL: "dbm:" + filepath.ToSlash(t.TempDir())},
	} {
		if _, err := dbm.New(dbm.Options{}).Open(t.Context(), cfg); err == nil || !strings.HasPrefix(err.Error(), "dbm: open: ") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestNewWithDB(t *testing.T) {
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "own.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, cfg := range []driver.Config{{DataDir: "x"}, {URL: "dbm:x"}} {
		if _, err := dbm.NewWithDB(db).Open(t.Context(), cfg); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
	if _, err := dbm.NewWithDB(nil).Open(t.Context(), driver.Config{}); err == nil {
		t.Error("no error without a database")
	}
	s, err := dbm.NewWithDB(db).Open(t.Context(), driver.Config{})
	if err != nil {
		t.Fatal(err)
	}
	save(t, s, 1)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := db.View(func(*bbolt.Tx) error { return nil }); err != nil {
		t.Errorf("Close closed the program's database: %v", err)
	}
}

func save(t *testing.T, s driver.Store, n byte) {
	t.Helper()
	if err := s.Save(t.Context(), driver.Key{n}, 0, driver.Record{Version: 1, Expires: 1 << 60}); err != nil {
		t.Fatal(err)
	}
}

// Stores that reach one file by different paths share it, and do not wait for each
// other.
func TestPathsToOneFile(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err) // needs a privilege on Windows
	}
	t.Chdir(dir)
	var stores []driver.Store
	for n, cfg := range []driver.Config{
		{DataDir: real}, {DataDir: link}, {DataDir: "real"}, {DataDir: "link/../real/."}, {URL: "dbm:link/sessions.db"},
		{DataDir: real, LockDir: link},
	} {
		s, err := dbm.New(dbm.Options{}).Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		save(t, s, byte(n))
		stores = append(stores, s)
	}
	var all sync.WaitGroup
	for _, s := range stores {
		all.Go(func() {
			for range 20 {
				for n := range stores {
					if _, err := s.Load(t.Context(), driver.Key{byte(n)}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if _, err := dbm.New(dbm.Options{}).Open(t.Context(), driver.Config{DataDir: real, LockDir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "LockDir") {
		t.Errorf("Open with another LockDir: %v", err)
	}
	for i, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if i < len(stores)-1 {
			if _, err := stores[i+1].Load(t.Context(), driver.Key{0}); err != nil {
				t.Errorf("Load after %d stores were closed: %v", i+1, err)
			}
		}
	}
}

// If another program has the database open without using the lock files, the error
// says so.
func TestAnotherProgramHasTheFileOpen(t *testing.T) {
	dir := t.TempDir()
	s, err := dbm.New(dbm.Options{}).Open(t.Context(), driver.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	save(t, s, 1)
	db, err := bbolt.Open(filepath.Join(dir, "sessions.db"), 0o600, nil) // waits until the store closes it
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), driver.Key{1}); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("Load returned %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), driver.Key{1}); err != nil {
		t.Errorf("Load after the other program closed the file: %v", err)
	}
}

func TestManagerWithURLAlone(t *testing.T) {
	m, err := sessions.New(t.Context(), sessions.Options{URL: "dbm:" + filepath.ToSlash(filepath.Join(t.TempDir(), "x.db"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
