package bench

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gorilla/securecookie"
	"go.etcd.io/bbolt"
)

// raw is the storage operation of a session request on the same number of bytes,
// without IDs, encoding, expiry or conflict detection. It is a lower bound rather
// than a contender.
type raw interface {
	// load returns the bytes stored under the cookie.
	load(cookie string) ([]byte, error)
	// save stores the bytes and returns the new cookie.
	save(cookie string, b []byte) (string, error)
}

// The first eight bytes are the counter.
var filled = append(make([]byte, 8), bytes.Repeat([]byte(text), 11)...) // 503 bytes

func rawApp(store raw) app {
	var made atomic.Int64
	return app{handler: func(kind work) http.Handler {
		switch kind {
		case fill, read, write, fresh, count:
		default:
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cookie, b := r.Header.Get("Cookie"), filled
			if kind == fill || kind == fresh {
				cookie = "raw" + strconv.FormatInt(made.Add(1), 10)
			} else {
				var err error
				if b, err = store.load(cookie); err != nil || len(b) < 8 {
					wrong(w)
					return
				}
			}
			n := binary.BigEndian.Uint64(b)
			switch kind {
			case read:
				if !asWritten(string(b[8:8+len(text)]), true) {
					wrong(w)
					return
				}
			case count:
				countTo(w, func() int { return int(n) })
			default:
				b = bytes.Clone(b)
				if kind != fill {
					n++
				}
				if kind == fresh {
					b = b[:8]
				}
				binary.BigEndian.PutUint64(b, n)
				next, err := store.save(cookie, b)
				if err != nil {
					wrong(w)
					return
				}
				w.Header()["Set-Cookie"] = []string{next}
			}
			answer(w)
		})
	}}
}

// rawMap is a map with a lock.
type rawMap struct {
	mu sync.Mutex
	m  map[string][]byte
}

func rawMemory(testing.TB) app { return rawApp(&rawMap{m: map[string][]byte{}}) }

func (s *rawMap) load(cookie string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[cookie], nil
}

func (s *rawMap) save(cookie string, b []byte) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[cookie] = b
	return cookie, nil
}

// rawSealed is securecookie with encryption.
type rawSealed struct{ c *securecookie.SecureCookie }

func rawCookie(testing.TB) app {
	hash, block := gorillaKeys()
	return rawApp(rawSealed{securecookie.New(hash, block).SetSerializer(securecookie.NopEncoder{})})
}

func (s rawSealed) load(cookie string) (b []byte, err error) {
	err = s.c.Decode("raw", cookie, &b)
	return b, err
}

func (s rawSealed) save(_ string, b []byte) (string, error) { return s.c.Encode("raw", b) }

// rawFiles is one file per session, replaced by rename.
type rawFiles struct{ dir string }

func rawFile(tb testing.TB) app { return rawApp(rawFiles{tb.TempDir()}) }

func (s rawFiles) load(cookie string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, cookie))
}

func (s rawFiles) save(cookie string, b []byte) (string, error) {
	name := filepath.Join(s.dir, cookie)
	if err := os.WriteFile(name+".new", b, 0o600); err != nil {
		return "", err
	}
	return cookie, os.Rename(name+".new", name)
}

// rawBucket is a bucket of an open bbolt file.
type rawBucket struct{ db *bbolt.DB }

var bucket = []byte("b")

func rawBolt(tb testing.TB) app {
	db, err := bbolt.Open(filepath.Join(tb.TempDir(), "raw.db"), 0o600, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bucket)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return rawApp(rawBucket{db})
}

func (s rawBucket) load(cookie string) (b []byte, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		b = bytes.Clone(tx.Bucket(bucket).Get([]byte(cookie)))
		return nil
	})
	return b, err
}

func (s rawBucket) save(cookie string, b []byte) (string, error) {
	return cookie, s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put([]byte(cookie), b) })
}

// rawTable is an SQL table, used through prepared statements.
type rawTable struct{ get, set *sql.Stmt }

func rawSQL(tb testing.TB, db *sql.DB, bytesType string) app {
	table := uniqueTable("raw")
	if _, err := db.Exec("CREATE TABLE " + table + " (id TEXT PRIMARY KEY, data " + bytesType + " NOT NULL)"); err != nil {
		tb.Fatal(err)
	}
	prepared := func(query string) *sql.Stmt {
		s, err := db.Prepare(query)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { s.Close() })
		return s
	}
	return rawApp(rawTable{
		get: prepared("SELECT data FROM " + table + " WHERE id = $1"),
		set: prepared("INSERT INTO " + table + " (id, data) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET data = excluded.data"),
	})
}

func (s rawTable) load(cookie string) (b []byte, err error) {
	err = s.get.QueryRow(cookie).Scan(&b)
	return b, err
}

func (s rawTable) save(cookie string, b []byte) (string, error) {
	_, err := s.set.Exec(cookie, b)
	return cookie, err
}
