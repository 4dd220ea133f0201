//go:build unix

package redis_test

import (
	"context"
	"io"
	"log"
	"os"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/redis"
)

func TestMain(m *testing.M) {
	goredis.SetLogger(silent{log.New(io.Discard, "", 0)})
	code := m.Run()
	servers.StopAll()
	os.Exit(code)
}

// silent replaces go-redis's messages about connections that the tests break.
type silent struct{ *log.Logger }

func (silent) Printf(context.Context, string, ...any) {}

// own returns a server for this test only, and its URL.
func own(t testing.TB, args ...string) (*servers.Server, string) {
	t.Helper()
	s := servers.OwnRedis(t, args...)
	return s, "redis://" + s.Addr
}

// client returns a client without the store, closed at the end of the test.
func client(t testing.TB, addr string) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { c.Close() })
	return c
}

// open opens a store, closed at the end of the test.
func open(t testing.TB, url string, change ...func(*driver.Config)) driver.Store {
	t.Helper()
	return openWith(t, redis.New(nil, redis.Options{}), url, change...)
}

func openWith(t testing.TB, d driver.Driver, url string, change ...func(*driver.Config)) driver.Store {
	t.Helper()
	cfg := driver.Config{URL: url}.WithDefaults()
	for _, c := range change {
		c(&cfg)
	}
	s, err := d.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// record returns a record that lives for an hour.
func record(version driver.Version, owner, data string) driver.Record {
	now := driver.MillisOf(time.Now())
	return driver.Record{Data: []byte(data), Owner: owner, Version: version, Created: now, Accessed: now, Expires: now + 3_600_000}
}

// suspend stops the server's process, and resume continues it.
func suspend(t testing.TB, s *servers.Server) { signal(t, s, syscall.SIGSTOP) }
func resume(t testing.TB, s *servers.Server)  { signal(t, s, syscall.SIGCONT) }

func signal(t testing.TB, s *servers.Server, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(s.Pid(), sig); err != nil {
		t.Fatal(err)
	}
	// The signal is sent, but may not have arrived.
	c := client(t, s.Addr)
	eventually(t, "the signal has arrived", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		return (c.Ping(ctx).Err() == nil) == (sig == syscall.SIGCONT)
	})
}

// eventually waits for a condition, for long, since the machine may be busy.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
