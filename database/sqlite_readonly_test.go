//go:build cgo

package database

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

// A connection that SQLite opened while the file was not writable remains read-only.
// When the file is writable again, the store opens new connections, and no call fails.
func TestReadOnlyConnectionsAreReplaced(t *testing.T) {
	opened, err := FromURL(Options{}).Open(t.Context(), driver.Config{
		URL: "sqlite:///" + filepath.Join(t.TempDir(), "s.db") + "?pool=3", SweepInterval: -1,
	}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s := opened.(renewer).store
	now := driver.MillisOf(time.Now())
	rec := driver.Record{Data: []byte("data"), Version: 1, Created: now, Accessed: now, Expires: now + 3600_000}
	for i, write := range []func(context.Context, driver.Key) error{
		func(ctx context.Context, key driver.Key) error { return s.Save(ctx, key, 0, rec) },
		func(ctx context.Context, key driver.Key) error {
			next := rec
			next.Version = 2
			return s.Save(ctx, key, 1, next)
		},
		func(ctx context.Context, key driver.Key) error {
			touched := rec
			touched.Accessed, touched.Expires = now+1, now+3600_001
			return s.Touch(ctx, key, touched)
		},
		func(ctx context.Context, key driver.Key) error { return s.Delete(ctx, key, 0) },
		func(ctx context.Context, key driver.Key) error { _, err := s.Sweep(ctx); return err },
	} {
		key := driver.Key{byte(i)}
		if i > 0 {
			if err := s.Save(t.Context(), key, 0, rec); err != nil {
				t.Fatal(err)
			}
		}
		readOnlyConns(t, s, true)
		if err := write(t.Context(), key); err != nil {
			t.Errorf("write %d: got error %v", i, err)
		}
	}
}

// If new connections are read-only too, a write fails without delay.
func TestReadOnlyDatabase(t *testing.T) {
	s, err := FromURL(Options{}).Open(t.Context(), driver.Config{URL: "sqlite:///:memory:", SweepInterval: -1}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := driver.MillisOf(time.Now())
	rec := driver.Record{Data: []byte("data"), Version: 1, Created: now, Accessed: now, Expires: now + 3600_000}
	if err := s.Save(t.Context(), driver.Key{1}, 0, rec); err != nil {
		t.Fatal(err)
	}
	readOnlyConns(t, s.(renewer).store, true)
	if err := s.Save(t.Context(), driver.Key{2}, 0, rec); err == nil || !strings.Contains(err.Error(), "readonly") {
		t.Errorf("Save: got error %v", err)
	}
	readOnlyConns(t, s.(renewer).store, false)
	if _, err := s.Load(t.Context(), driver.Key{1}); err != nil {
		t.Errorf("the database in memory was dropped with its connection: %v", err)
	}
}

// readOnlyConns makes all connections of the pool refuse or accept writes.
func readOnlyConns(t *testing.T, s *store, on bool) {
	t.Helper()
	var conns []*sql.Conn
	for range s.pool.size {
		c, err := s.pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	value := "OFF"
	if on {
		value = "ON"
	}
	for _, c := range conns {
		if _, err := c.ExecContext(t.Context(), "PRAGMA query_only = "+value); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}
