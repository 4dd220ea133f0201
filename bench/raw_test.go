package bench

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
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
// without IDs, encoding or expiry. It is a lower bound rather than a contender.
//
// A session that loses no concurrent change has to be compared before it is replaced.
// Where that costs an operation of its own, there are two: "raw" without it, and
// "raw-cas" with it. In SQL it is a condition of the same statement, in dbm a look at a page that
// the transaction reads anyway, and memcached's command has it; in memory it is a
// comparison under a lock that is held anyway. In a cookie nothing can be compared.
type raw interface {
	// load returns what is stored under the cookie.
	load(cookie string) (stored, error)
	// save stores the bytes and returns the new cookie. old is what load returned, or
	// zero for a new session.
	save(cookie string, old stored, b []byte) (string, error)
}

// stored are the bytes of a session and, on memcached, their CAS ID.
type stored struct {
	bytes []byte
	cas   uint64
}

// isNew reports whether there was nothing to load.
func (s stored) isNew() bool { return s.bytes == nil }

// version is compared before a session is replaced: the counter.
func (s stored) version() []byte { return s.bytes[:8] }

var errConflict = errors.New("another request has changed the session")

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
			var old stored
			if kind == fill || kind == fresh {
				cookie = "raw" + strconv.FormatInt(made.Add(1), 10)
			} else {
				var err error
				if old, err = store.load(cookie); err != nil || len(old.bytes) < 8 {
					wrong(w)
					return
				}
				b = old.bytes
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
				next, err := store.save(cookie, old, b)
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

func (s *rawMap) load(cookie string) (stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return stored{bytes: s.m[cookie]}, nil
}

func (s *rawMap) save(cookie string, _ stored, b []byte) (string, error) {
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

func (s rawSealed) load(cookie string) (old stored, err error) {
	err = s.c.Decode("raw", cookie, &old.bytes)
	return old, err
}

func (s rawSealed) save(_ string, _ stored, b []byte) (string, error) { return s.c.Encode("raw", b) }

// rawFiles is one file per session, replaced by rename.
type rawFiles struct{ dir string }

func rawFile(tb testing.TB) app { return rawApp(rawFiles{dataDir(tb)}) }

func (s rawFiles) load(cookie string) (old stored, err error) {
	old.bytes, err = os.ReadFile(filepath.Join(s.dir, cookie))
	return old, err
}

func (s rawFiles) save(cookie string, _ stored, b []byte) (string, error) {
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
	db, err := bbolt.Open(filepath.Join(dataDir(tb), "raw.db"), 0o600, nil)
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

func (s rawBucket) load(cookie string) (old stored, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		old.bytes = bytes.Clone(tx.Bucket(bucket).Get([]byte(cookie)))
		return nil
	})
	return old, err
}

func (s rawBucket) save(cookie string, old stored, b []byte) (string, error) {
	return cookie, s.db.Update(func(tx *bbolt.Tx) error {
		sessions := tx.Bucket(bucket)
		if now := sessions.Get([]byte(cookie)); old.isNew() != (now == nil) || now != nil && !bytes.Equal(now[:8], old.version()) {
			return errConflict
		}
		return sessions.Put([]byte(cookie), b)
	})
}

// rawTable is an SQL table, used through prepared statements.
type rawTable struct{ get, add, set *sql.Stmt }

func rawSQL(tb testing.TB, db *sql.DB, d dialect) app {
	table := uniqueTable("raw")
	if _, err := db.Exec("CREATE TABLE " + table + " (id " + d.idType + " PRIMARY KEY, version BIGINT NOT NULL, data " + d.dataType + " NOT NULL)"); err != nil {
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
		get: prepared("SELECT data FROM " + table + " WHERE id = " + d.param(1)),
		add: prepared("INSERT INTO " + table + " (id, version, data) VALUES (" + d.param(1) + ", " + d.param(2) + ", " + d.param(3) + ")"),
		set: prepared("UPDATE " + table + " SET version = " + d.param(1) + ", data = " + d.param(2) +
			" WHERE id = " + d.param(3) + " AND version = " + d.param(4)),
	})
}

func (s rawTable) load(cookie string) (old stored, err error) {
	err = s.get.QueryRow(cookie).Scan(&old.bytes)
	return old, err
}

func (s rawTable) save(cookie string, old stored, b []byte) (string, error) {
	version := func(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }
	if old.isNew() {
		_, err := s.add.Exec(cookie, version(b), b)
		return cookie, err
	}
	res, err := s.set.Exec(version(b), b, cookie, version(old.bytes))
	if err != nil {
		return "", err
	}
	if n, err := res.RowsAffected(); n != 1 || err != nil {
		return "", errors.Join(errConflict, err)
	}
	return cookie, nil
}
