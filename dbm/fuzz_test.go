package dbm

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

// FuzzURL looks for a URL that causes a panic, that is read as the path of a
// directory, or whose error quotes it, since it may contain a password.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"", "dbm:", "dbm://", "dbm:///var/lib/app/sessions.db", "dbm:data/sessions.db", "dbm:///C:/x.db", "dbm:/", "dbm:a/", "dbm:a%2f",
		"dbm://joe:hunter2@/x", "dbm:x?sync=1", "dbm:%zz", "dbm:///a%00b", "dbm:#x", "file:x", "DBM:x", "dbm:a?%zz",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		path, err := readURL(url)
		if err == nil && strings.HasSuffix(path, "/") {
			t.Errorf("%q is read as the path %q", url, path)
		}
		if err != nil && (path != "" || !strings.Contains(url, "?") && strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %q, %v", url, path, err)
		}
	})
}

// FuzzRecord writes any bytes as a record and as entries of the indexes. Load
// returns only what driver.ParseRecord accepts, the record can be deleted, and
// another session and the sweep are not affected.
func FuzzRecord(f *testing.F) {
	whole, err := encode(&driver.Record{Data: []byte("some data"), Owner: "user", Version: 1, Expires: 1 << 60})
	must(f, err)
	f.Add(whole, expiresKey(1<<60, keyOf(1)), ownersKey("user", keyOf(1)))
	f.Add(whole[:9], expiresKey(0, keyOf(1)), ownersKey("", keyOf(1)))
	f.Add([]byte{}, expiresKey(-1, driver.Key{}), ownersKey("user", keyOf(2)))
	f.Add(whole, []byte{0}, ownersPrefix("user"))
	f.Add(bytes.Repeat(whole, 2), expiresKey(1, keyOf(0)), append(ownersPrefix("user"), make([]byte, 32)...))
	// NoSync, because the fuzzer need not wait for the disk.
	db, err := bbolt.Open(filepath.Join(f.TempDir(), "fuzz.db"), 0o600, &bbolt.Options{NoSync: true})
	must(f, err)
	f.Cleanup(func() { must(f, db.Close()) })
	opened, err := NewWithDB(db).Open(background, driver.Config{SweepInterval: -1})
	must(f, err)
	s := opened.(*store)
	must(f, fill(s, 1)) // the other session
	edit := func(t *testing.T, change func(b buckets) error) {
		must(t, db.Update(func(tx *bbolt.Tx) error { return change(buckets{tx, s.names}) }))
	}
	f.Fuzz(func(t *testing.T, raw, expires, owners []byte) {
		if len(expires) == 0 || len(owners) == 0 || len(expires)+len(owners) > 1000 {
			t.Skip("not a key that bbolt accepts")
		}
		edit(t, func(b buckets) error {
			return errors.Join(b.in(b.records).Put(keyBytes(1), raw), b.in(b.expires).Put(expires, nil), b.in(b.owners).Put(owners, nil))
		})
		want, wantErr := driver.ParseRecord(raw)
		if wantErr == nil && want.Expires <= s.now() {
			wantErr = driver.ErrNotFound
		}
		got, err := s.Load(background, keyOf(1))
		switch {
		case wantErr == nil && (err != nil || got.Version != want.Version || !bytes.Equal(got.Data, want.Data)):
			t.Errorf("Load: %+v, %v, want %+v", got, err, want)
		case wantErr != nil && (got.Version != 0 || !errors.Is(err, driver.ErrNotFound) && !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat)):
			t.Errorf("Load: %+v, %v, want %v", got, err, wantErr)
		}
		for what, list := range map[string]func(func(driver.Entry, error) bool){"All": s.All(background), "Owned": s.Owned(background, "user")} {
			found := 0
			for e, err := range list {
				switch {
				case e.Key == keyOf(0) && err == nil:
					found++
				case err != nil && !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat):
					t.Errorf("%s: %v, %v", what, e.Key, err)
				}
			}
			if found != 1 {
				t.Errorf("%s yields the other session %d times", what, found)
			}
		}
		if _, err := s.Sweep(background); err != nil {
			t.Errorf("Sweep: %v", err)
		}
		if err := s.Delete(background, keyOf(1), 0); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if _, err := s.Load(background, keyOf(1)); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("Load after Delete: %v", err)
		}
		if _, err := s.Load(background, keyOf(0)); err != nil {
			t.Errorf("Load of the other session: %v", err)
		}
		edit(t, func(b buckets) error {
			if !bytes.Equal(owners, ownersKey("user", keyOf(0))) {
				return errors.Join(b.in(b.owners).Delete(owners), b.in(b.expires).Delete(expires))
			}
			return b.in(b.expires).Delete(expires)
		})
	})
}
