package puresqlite_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/database"
	_ "github.com/pump-go/sessions/database/puresqlite"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/sessionstest"
)

func urlIn(t testing.TB) string { return "sqlite:///" + filepath.Join(t.TempDir(), "a b#c.db") }

func TestContract(t *testing.T) {
	sessionstest.Run(t, sessionstest.Harness{
		Driver:  database.FromURL(database.Options{}),
		MaxData: database.MaxData,
		Config:  func(t testing.TB) driver.Config { return driver.Config{URL: urlIn(t)} },
		Damage: func(cfg driver.Config, key driver.Key) error {
			return rewrite(cfg, key, "substr(data, 1, 5)")
		},
		Newer: func(cfg driver.Config, key driver.Key) error {
			return rewrite(cfg, key, "CAST(x'02' || substr(data, 2) AS BLOB)")
		},
	})
}

func TestContractInMemory(t *testing.T) {
	sessionstest.Run(t, sessionstest.Harness{
		Driver:  database.FromURL(database.Options{}),
		MaxData: database.MaxData,
		Config:  func(testing.TB) driver.Config { return driver.Config{URL: "sqlite:///:memory:"} },
		Cannot: map[sessionstest.Ability]string{
			sessionstest.Share:  "each store has its own memory",
			sessionstest.Reopen: "Close drops the database",
		},
	})
}

// rewrite changes the data of a record.
func rewrite(cfg driver.Config, key driver.Key, to string) error {
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(strings.TrimPrefix(cfg.URL, "sqlite:///"), "#", "%23"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec("PRAGMA busy_timeout=5000; UPDATE sessions SET data = " + to + " WHERE id = x'" + key.String() + "'")
	return err
}

func open(t testing.TB, url string) driver.Store {
	t.Helper()
	s, err := database.FromURL(database.Options{}).Open(t.Context(), driver.Config{URL: url, SweepInterval: -1}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func newKey() (key driver.Key) {
	_, _ = rand.Read(key[:])
	return key
}

func record(data string) driver.Record {
	now := driver.MillisOf(time.Now())
	return driver.Record{Data: []byte(data), Version: 1, Created: now, Accessed: now, Expires: now + 3600_000}
}

// The store knows the result codes: a write that SQLite refuses returns ErrNotWritten,
// and one that waits for another writer ends with its context.
func TestRefusedWrites(t *testing.T) {
	url := urlIn(t)
	s := open(t, url)
	key, rec := newKey(), record("x")
	if err := s.Save(t.Context(), key, 0, rec); err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(url, "sqlite:///")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 && os.PathSeparator == '/' {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "#", "%23")+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	next := record("y")
	next.Version = 2
	err = s.Save(ctx, key, 1, next)
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, driver.ErrNotWritten) {
		t.Errorf("Save during another write: got error %v", err)
	}
	if got, err := s.Load(t.Context(), key); err != nil || string(got.Data) != "x" {
		t.Errorf("Load during another write: got %q, %v", got.Data, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TRIGGER refuse BEFORE UPDATE ON sessions BEGIN SELECT RAISE(ABORT, 'no'); END"); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(t.Context(), key, 1, next); !errors.Is(err, driver.ErrNotWritten) {
		t.Errorf("Save refused by a trigger: got error %v, want ErrNotWritten", err)
	}
}

func TestSecondDriverIsRefused(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("the second RegisterSQLite did not panic")
		}
	}()
	database.RegisterSQLite(&sqlite.Driver{})
}

func TestFileIsNotCreatedWithNeverCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, "sqlite:///"+path+"?create=no")
	if _, err := s.Load(t.Context(), newKey()); !errors.Is(err, database.ErrNoTables) {
		t.Errorf("Load: got error %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file: %v", err)
	}
}

const killedEnv = "SESSIONS_PURESQLITE_KILLED"

// Acknowledged writes survive the process, which is killed while it saves.
func TestSurvivesKill(t *testing.T) {
	if url := os.Getenv(killedEnv); url != "" {
		s := open(t, url)
		for {
			key := newKey()
			if err := s.Save(t.Context(), key, 0, record("x")); err != nil {
				t.Fatal(err)
			}
			fmt.Println("saved " + key.String())
		}
	}
	url := urlIn(t)
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSurvivesKill$")
		cmd.Env = append(os.Environ(), killedEnv+"="+url)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var keys []driver.Key
		for in := bufio.NewScanner(out); in.Scan(); {
			hex, saved := strings.CutPrefix(in.Text(), "saved ")
			key, err := driver.ParseKey(hex)
			if !saved || err != nil { // the last line may be cut short
				continue
			}
			if keys = append(keys, key); len(keys) == 500 {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait() // killed
		if len(keys) < 500 {
			t.Fatalf("got %d saves", len(keys))
		}
		s := open(t, url)
		for _, key := range keys {
			if _, err := s.Load(t.Context(), key); err != nil {
				t.Fatalf("%d were acknowledged; Load of %v: got error %v", len(keys), key, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

const visits sessions.Key[int] = "visits"

// BenchmarkMiddleware sends requests through the middleware, like the benchmark of the
// same name in package database, which uses the C library.
func BenchmarkMiddleware(b *testing.B) {
	m, err := sessions.New(b.Context(), sessions.Options{Store: "database", URL: urlIn(b), IdleTimeout: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	payload := strings.Repeat("x", 900)
	h := m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := sessions.FromContext(r.Context())
		switch r.URL.Path {
		case "/new":
			s.Set("payload", payload)
			visits.Set(s, 1)
		case "/read":
			if n, ok := visits.Get(s); !ok || n == 0 {
				panic("not there")
			}
		case "/write":
			visits.Update(s, func(n int) int { return n + 1 })
		}
	}))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/new", nil))
	for _, path := range []string{"/read", "/write"} {
		b.Run(path[1:], func(b *testing.B) {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Cookie", rec.Result().Cookies()[0].String())
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
		b.Run(path[1:]+"-parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				rec := httptest.NewRecorder()
				h.ServeHTTP(rec, httptest.NewRequest("GET", "/new", nil))
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("Cookie", rec.Result().Cookies()[0].String())
				for pb.Next() {
					h.ServeHTTP(httptest.NewRecorder(), r)
				}
			})
		})
	}
}
