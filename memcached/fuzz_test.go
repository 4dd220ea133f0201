package memcached_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memcached"
)

// instant is a connection to a server that answers during the write, so that fuzzing
// is deterministic.
type instant struct {
	net.Conn
	answer func(command string) string
	out    bytes.Buffer
}

func (c *instant) Write(b []byte) (int, error) {
	command, _, _ := strings.Cut(string(b), "\r\n")
	c.out.WriteString(c.answer(command))
	return len(b), nil
}

func (c *instant) Read(b []byte) (int, error)  { return c.out.Read(b) }
func (c *instant) SetDeadline(time.Time) error { return nil }
func (c *instant) Close() error                { return nil }

// FuzzValue reads a session from an item with arbitrary bytes.
func FuzzValue(f *testing.F) {
	whole, err := driver.AppendRecord(nil, driver.Record{Data: []byte("data"), Owner: "user:42", Version: 7, Expires: 1 << 50})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte{})
	f.Add([]byte("\r\nEND\r\n"))
	f.Add([]byte("VALUE x 0 1\r\n"))
	f.Add(newer())
	var stored []byte
	written := false
	answer := func(command string) string {
		verb, _, _ := strings.Cut(command, " ")
		written = written || verb == "cas"
		return map[string]string{
			"gets": valueOf(":"+key.String(), stored),
			"add":  "NOT_STORED\r\n", "cas": "STORED\r\n", "delete": "DELETED\r\n",
		}[verb]
	}
	client := memcache.New("10.0.0.1:11211")
	client.DialContext = func(context.Context, string, string) (net.Conn, error) { return &instant{answer: answer}, nil }
	store, err := memcached.New(client, memcached.Options{}).Open(f.Context(), driver.Config{}.WithDefaults())
	if err != nil {
		f.Fatal(err)
	}
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, b []byte) {
		stored = b
		written = false
		want, wantErr := driver.ParseRecord(b)
		if wantErr == nil && want.Expired(time.Now()) {
			wantErr = driver.ErrNotFound
		}
		rec, err := store.Load(ctx, key)
		readable := wantErr == nil || errors.Is(wantErr, driver.ErrNotFound)
		switch {
		case wantErr == nil && (err != nil || rec.Version != want.Version || string(rec.Data) != string(want.Data)):
			t.Errorf("Load: %+v, %v, want %+v", rec, err, want)
		case wantErr != nil && (err == nil || rec.Version != 0):
			t.Errorf("Load: %+v, %v", rec, err)
		case !readable && !errors.Is(err, driver.ErrCorrupt) && !errors.Is(err, driver.ErrNewerFormat):
			t.Errorf("Load: got error %v", err)
		}
		// An unreadable record is neither overwritten nor removed at a version.
		if !readable {
			for i, err := range []error{
				store.Save(ctx, key, 0, fresh()), store.Save(ctx, key, 7, fresh()),
				store.Touch(ctx, key, fresh()), store.Delete(ctx, key, 7),
			} {
				if !errors.Is(err, driver.ErrConflict) {
					t.Errorf("write %d of an unreadable record: %v", i, err)
				}
			}
			if written {
				t.Error("an unreadable record was overwritten")
			}
		}
		if err := store.Delete(ctx, key, 0); err != nil {
			t.Errorf("Delete with version 0: %v", err)
		}
	})
}
