package database

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/pump-go/sessions/driver"
)

// FuzzURL looks for a URL or DSN that causes a panic, an impossible setting, or an
// error that quotes the password.
func FuzzURL(f *testing.F) {
	for _, url := range []string{
		"sqlite:///relative.db", "sqlite:////absolute/a.db?synchronous=full", "sqlite://", "sqlite:///%00", "SQLITE+x:///y?pool=1",
		"postgresql+psycopg2://u:hunter2@h:5433/d?sslmode=disable&table=t&schema=s", "host=h password=hunter2 dbname=d", "postgres://u:hunter2@[::1/d",
		"postgres://u:hunter2@h/d?sslmode=x", "postgres://u:hunter2@h:port/d", "host='h password=hunter2",
		"mysql://u:hunter2@h:3307/d?charset=utf8mb4&timeout=1s", "mysql://u:hunter2@/d?unix_socket=/run/s", "u:hunter2@tcp(h:3307)/d?timeout=1s",
		"u:hunter2@tcp(h:3307/d", "mysql://u:hunter2@h/d?tls=%zz", "mariadb://u:hunter2@h/d?pool=0", "", "://", "=", "@", "oracle://u:hunter2@h/d",
	} {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		// A PostgreSQL DSN may name files, which the driver reads.
		for _, name := range []string{"passfile", "service", "sslcert", "sslkey", "sslrootcert", "sslinline", "tls", "serverPubKey"} {
			if strings.Contains(strings.ToLower(url), strings.ToLower(name)) {
				t.Skip()
			}
		}
		at, err := parseURL(url, Options{})
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") && !strings.Contains(url, "hunter2=") && !strings.Contains(url, "?hunter2") {
				t.Errorf("%q: %v", url, err)
			}
			return
		}
		switch at.dialect {
		case SQLite:
			if at.file == "" || at.synchronous != "NORMAL" && at.synchronous != "FULL" {
				t.Errorf("%q: %+v", url, at)
			}
		case PostgreSQL:
			if at.mysql != nil || at.file != "" {
				t.Errorf("%q: %+v", url, at)
			}
		case MySQL:
			if at.mysql == nil || at.mysql.Addr == "" {
				t.Errorf("%q: %+v", url, at)
			}
		default:
			t.Errorf("%q: got no dialect", url)
		}
		if at.Pool < 0 {
			t.Errorf("%q: got a pool of %d", url, at.Pool)
		}
	})
}

// FuzzRow reads rows of any content. A row is a record only if encode returns its data
// for the same key, version, creation time and owner.
func FuzzRow(f *testing.F) {
	key := driver.Key{1, 2, 31: 3}
	rec := driver.Record{Data: []byte("data"), Owner: "ann", Version: 7, Created: 1, Accessed: 2, Expires: 3}
	data := encode(&key, &rec)
	f.Add(data, []byte("ann"), int64(7), int64(1), int64(2), int64(3))
	f.Add(data, []byte("bob"), int64(7), int64(1), int64(2), int64(3))
	f.Add(data[:4], []byte{}, int64(1), int64(0), int64(0), int64(0))
	f.Add([]byte{2, 0, 0, 0, 0}, []byte{}, int64(1), int64(0), int64(0), int64(1))
	f.Add([]byte{}, make([]byte, 256), int64(-1), int64(0), int64(0), int64(1))
	f.Fuzz(func(t *testing.T, data, owner []byte, version, created, accessed, expires int64) {
		r := row{owner: owner, data: data, version: version, created: created, accessed: accessed, expires: expires}
		rec, err := r.record(&key)
		if err != nil {
			if !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat) || rec.Version != 0 {
				t.Errorf("%+v, %v", rec, err)
			}
			return
		}
		if !bytes.Equal(encode(&key, &rec), data) || rec.Owner != string(owner) || int64(rec.Version) != version ||
			int64(rec.Created) != created || int64(rec.Accessed) != accessed || int64(rec.Expires) != expires {
			t.Errorf("row %+v was read as %+v", r, rec)
		}
	})
}
