//go:build unix

package redis_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/redis"
)

var key = driver.Key{1, 2, 3}

func TestRecoveryFromRestart(t *testing.T) {
	server, url := own(t, "--appendonly", "yes", "--appendfsync", "always")
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url}))}
	b.Wants(t, "/visit", "1 ")
	for _, visits := range []string{"2 ", "3 ", "4 "} {
		server.Kill()
		cookie := b.Cookie
		for _, path := range []string{"/visit", "/"} {
			if code, page := b.Get(path); code != http.StatusServiceUnavailable || b.Cookie != cookie {
				t.Errorf("while the server is down: %d %q, cookie %q", code, page, b.Cookie)
			}
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		b.Wants(t, "/visit", visits)
	}
}

func TestRestartEmpty(t *testing.T) {
	server, url := own(t)
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url}))}
	for range 3 {
		b.Wants(t, "/visit", "1 ") // the old session was lost
		b.Wants(t, "/visit", "2 ")
		server.Stop()
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestartUnderLoad(t *testing.T) {
	server, url := own(t, "--appendonly", "yes")
	shop := site.New(site.Manager(t, sessions.Options{URL: url}))
	site.ServesThroughRestarts(t, shop, 8, 4, 200, func(i int) {
		if i%2 == 0 {
			server.Kill()
		} else {
			server.Stop()
		}
		if err := server.Start(); err != nil {
			t.Error(err)
		}
	})
}

func TestServerStartsAfterTheProgram(t *testing.T) {
	server, url := own(t)
	server.Kill()
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url}))}
	if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable || b.Cookie != "" {
		t.Errorf("with the server down: %d %q, cookie %q", code, page, b.Cookie)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	b.Wants(t, "/visit", "1 ")
}

// A call ends with its context while the server hangs, on a connection that was open
// and on one that is opened.
func TestHungServer(t *testing.T) {
	server, url := own(t)
	s := open(t, url+"?timeout=30s")
	if err := s.Save(t.Context(), key, 0, record(1, "ann", "one")); err != nil {
		t.Fatal(err)
	}
	suspend(t, server)
	for range 3 {
		for name, call := range calls(s) {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			began := time.Now()
			err := call(ctx)
			cancel()
			if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took > 10*time.Second {
				t.Errorf("%s with a deadline of 100 ms: after %v %v", name, took, err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	for _, err := range s.(driver.Lister).All(ctx) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("All: %v", err)
		}
	}
	resume(t, server)
	if _, err := s.Load(t.Context(), key); err != nil && !errors.Is(err, driver.ErrNotFound) { // the deletes have been executed
		t.Errorf("after it: %v", err)
	}
}

// calls are one call of each method.
func calls(s driver.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Load":   func(ctx context.Context) error { _, err := s.Load(ctx, key); return err },
		"Save":   func(ctx context.Context) error { return s.Save(ctx, key, 1, record(2, "bob", "two")) },
		"Touch":  func(ctx context.Context) error { return s.Touch(ctx, key, record(1, "ann", "one")) },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, key, 1) },
	}
}

// StoreTimeout applies if the timeout in the URL is longer.
func TestStoreTimeoutWithHungServer(t *testing.T) {
	server, url := own(t)
	m := site.Manager(t, sessions.Options{URL: url + "?timeout=30s", StoreTimeout: 300 * time.Millisecond})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	suspend(t, server)
	began := time.Now()
	if code, page := b.Get("/visit"); code != http.StatusServiceUnavailable {
		t.Errorf("%d %q", code, page)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the error page took %v, with a StoreTimeout of 300 ms", took)
	}
	resume(t, server)
	b.Wants(t, "/visit", "2 ") // the load failed before, so nothing was counted
}

// lossy is a proxy that can lose an answer: the command is executed, and then the
// connection breaks.
type lossy struct {
	net.Listener
	lose atomic.Bool // the next answer to a command that writes
}

func startLossy(t *testing.T, to string) *lossy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossy{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			go p.connect(c, to)
		}
	}()
	return p
}

func (p *lossy) connect(c net.Conn, to string) {
	defer c.Close()
	back, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer back.Close()
	var writes atomic.Bool // the last command
	go func() {
		command := make([]byte, 64<<10)
		for {
			n, err := c.Read(command)
			if err != nil {
				back.Close()
				return
			}
			said := string(command[:n])
			writes.Store(strings.Contains(said, "\r\nevalsha\r\n") || strings.Contains(said, "\r\nset\r\n"))
			if _, err := back.Write(command[:n]); err != nil {
				return
			}
		}
	}()
	for answer := make([]byte, 64<<10); ; {
		n, err := back.Read(answer)
		if err != nil || writes.Load() && p.lose.CompareAndSwap(true, false) {
			return
		}
		if _, err := c.Write(answer[:n]); err != nil {
			return
		}
	}
}

// Rule 2: no client may send a command again whose answer was lost. The second one
// would fail because of the first, and the store would report a conflict.
func TestLostAnswerIsNoConflict(t *testing.T) {
	server, _ := own(t)
	for name, connect := range map[string]func(addr string) goredis.UniversalClient{
		"URL": func(string) goredis.UniversalClient { return nil },
		"Client with MaxRetries": func(addr string) goredis.UniversalClient {
			return goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: 5, ContextTimeoutEnabled: true})
		},
		// A Cluster of one server, to which all connections lead through the proxy.
		"ClusterClient": func(addr string) goredis.UniversalClient {
			return goredis.NewClusterClient(&goredis.ClusterOptions{
				MaxRetries: 5, MaxRedirects: 5, ContextTimeoutEnabled: true,
				ClusterSlots: func(context.Context) ([]goredis.ClusterSlot, error) {
					return []goredis.ClusterSlot{{Start: 0, End: 16383, Nodes: []goredis.ClusterNode{{Addr: addr}}}}, nil
				},
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := startLossy(t, server.Addr)
			url, c := "redis://"+p.Addr().String(), connect(p.Addr().String())
			if c != nil {
				defer c.Close()
				url = ""
			}
			s := openWith(t, redis.New(c, redis.Options{}), url)
			key := driver.Key{byte(len(name))}
			if err := s.Save(t.Context(), key, 0, record(1, "", "one")); err != nil {
				t.Fatal(err)
			}
			// From here on the server knows the scripts.
			if err := errors.Join(s.Touch(t.Context(), key, record(1, "", "one")), s.Delete(t.Context(), driver.Key{}, 0)); err != nil {
				t.Fatal(err)
			}
			for what, lost := range map[string]func() error{
				"Save":   func() error { return s.Save(t.Context(), key, 1, record(2, "", "two")) },
				"Create": func() error { return s.Save(t.Context(), driver.Key{99, byte(len(name))}, 0, record(1, "", "one")) },
			} {
				p.lose.Store(true)
				err := lost()
				if err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrNotWritten) {
					t.Errorf("%s, whose answer was lost: %v, want an error that leaves the outcome open", what, err)
				}
			}
			if rec, err := s.Load(t.Context(), key); err != nil || string(rec.Data) != "two" {
				t.Errorf("after it: %q, %v", rec.Data, err)
			}
			p.lose.Store(true)
			if err := s.Delete(t.Context(), key, 2); err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrNotWritten) {
				t.Errorf("a Delete whose answer was lost: %v", err)
			}
		})
	}
}

// The manager finds that the write whose answer was lost is stored.
func TestLostAnswerCountsOnce(t *testing.T) {
	server, _ := own(t)
	p := startLossy(t, server.Addr)
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: "redis://" + p.Addr().String()}))}
	b.Wants(t, "/visit", "1 ")
	for _, visits := range []string{"2 ", "3 ", "4 "} {
		p.lose.Store(true)
		b.Wants(t, "/visit", visits)
	}
}

// What the server refuses is certainly not written, and the error says so.
func TestRefusedWrites(t *testing.T) {
	server, url := own(t)
	s := open(t, url)
	raw := client(t, server.Addr)
	if err := s.Save(t.Context(), key, 0, record(1, "ann", "one")); err != nil {
		t.Fatal(err)
	}
	big := record(2, "", strings.Repeat("x", 1<<20))
	for name, c := range map[string]struct{ refuse, accept func() error }{
		"read-only replica": {
			func() error { return raw.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err() },
			func() error { return raw.Do(t.Context(), "REPLICAOF", "NO", "ONE").Err() },
		},
		"out of memory": {
			func() error {
				return errors.Join(raw.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(), raw.ConfigSet(t.Context(), "maxmemory", "1mb").Err())
			},
			func() error { return raw.ConfigSet(t.Context(), "maxmemory", "0").Err() },
		},
		"too few replicas": {
			func() error { return raw.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err() },
			func() error { return raw.ConfigSet(t.Context(), "min-replicas-to-write", "0").Err() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.refuse(); err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{
				"Save":                 s.Save(t.Context(), key, 1, big),
				"Save with an owner":   s.Save(t.Context(), key, 1, record(2, "bob", "two")),
				"Create":               s.Save(t.Context(), driver.Key{9}, 0, big),
				"Create with an owner": s.Save(t.Context(), driver.Key{9}, 0, record(2, "bob", "two")),
			} {
				if !errors.Is(err, driver.ErrNotWritten) || errors.Is(err, driver.ErrConflict) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if name != "read-only replica" {
				if rec, err := s.Load(t.Context(), key); err != nil || string(rec.Data) != "one" {
					t.Errorf("Load: %q, %v", rec.Data, err)
				}
			}
			if err := c.accept(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "writes are accepted again", func() bool {
				return s.Touch(t.Context(), key, record(1, "ann", "one")) == nil
			})
		})
	}
	server.Kill()
	if err := s.Save(t.Context(), key, 1, big); !errors.Is(err, driver.ErrNotWritten) {
		t.Errorf("a server that refuses connections: %v", err)
	}
}

// A session can be ended while there is no memory for new ones.
func TestSignOutWhenOutOfMemory(t *testing.T) {
	server, url := own(t)
	raw := client(t, server.Addr)
	m := site.Manager(t, sessions.Options{URL: url})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	if err := raw.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	if code, _ := b.Get("/visit"); code != http.StatusServiceUnavailable {
		t.Errorf("a change: %d", code)
	}
	old := *b
	b.Wants(t, "/out", "0 ")
	old.Wants(t, "/", "0 ")
}

func TestScriptsAreSentAgain(t *testing.T) {
	server, url := own(t)
	raw := client(t, server.Addr)
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: url}))}
	for _, page := range []string{"/visit 1 ", "/visit 2 ", "/as?ann 2 ann", "/visit 3 ann", "/out 0 "} {
		if err := raw.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		path, want, _ := strings.Cut(page, " ")
		b.Wants(t, path, want)
	}
	if n := raw.Info(t.Context(), "commandstats").Val(); !strings.Contains(n, "cmdstat_eval:") || !strings.Contains(n, "cmdstat_evalsha:") {
		t.Error("the scripts were not called both by hash and by text")
	}
}

// The rights in the package documentation suffice, and others are not used.
func TestUserWithFewRights(t *testing.T) {
	server, _ := own(t)
	raw := client(t, server.Addr)
	err := raw.Do(t.Context(), "ACL", "SETUSER", "app", "on", ">pass/word", "~sessions:*",
		"+get", "+set", "+del", "+getrange", "+zadd", "+zrem", "+zrange", "+zrevrange", "+zremrangebyscore", "+pexpire",
		"+eval", "+evalsha", "+scan", "+hello").Err()
	if err != nil {
		t.Fatal(err)
	}
	m := site.Manager(t, sessions.Options{URL: "redis://app:pass%2Fword@" + server.Addr})
	b := &site.Browser{Site: site.New(m)}
	b.Wants(t, "/visit", "1 ")
	b.Wants(t, "/as?ann", "1 ann")
	b.Wants(t, "/visit", "2 ann")
	for _, list := range []func() int{
		func() (n int) {
			for _, err := range m.All(t.Context()) {
				if n++; err != nil {
					t.Error(err)
				}
			}
			return n
		},
		func() int { n, err := m.DestroyOwned(t.Context(), "ann"); return n + len(errorText(err)) },
	} {
		if n := list(); n != 1 {
			t.Errorf("%d sessions, want 1", n)
		}
	}
	b.Wants(t, "/", "0 ")

	s := open(t, "redis://app:wrong-secret@"+server.Addr)
	_, err = s.Load(t.Context(), key)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := s.Save(t.Context(), key, 0, record(1, "", "")); !errors.Is(err, driver.ErrNotWritten) {
		t.Errorf("with a wrong password: %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// logged collects the messages of a logger.
type logged struct {
	mu       sync.Mutex
	messages []string
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.messages = append(l.messages, string(b))
	return len(b), nil
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(io.Writer(l), nil)) }

func (l *logged) with(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.messages {
		if strings.Contains(m, part) {
			n++
		}
	}
	return n
}

func TestEvictionIsWarnedOfOnce(t *testing.T) {
	server, url := own(t)
	raw := client(t, server.Addr)
	for _, c := range []struct {
		policy, memory string
		want           int
	}{
		{"noeviction", "100mb", 0}, {"allkeys-lru", "0", 0}, {"allkeys-lru", "100mb", 1}, {"volatile-ttl", "100mb", 1},
	} {
		if err := errors.Join(raw.ConfigSet(t.Context(), "maxmemory-policy", c.policy).Err(), raw.ConfigSet(t.Context(), "maxmemory", c.memory).Err()); err != nil {
			t.Fatal(err)
		}
		var log logged
		s := open(t, url, func(cfg *driver.Config) { cfg.Logger = log.logger() })
		for range 5 {
			if _, err := s.Load(t.Context(), key); !errors.Is(err, driver.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil { // waits for the check
			t.Error(err)
		}
		if n := log.with("may evict live sessions"); n != c.want {
			t.Errorf("%s with %s: %d warnings, want %d: %s", c.policy, c.memory, n, c.want, log.messages)
		}
	}
}

// A record that expired by the program's clock, but is still on the server, is absent,
// and its key can be used. A server's clock does not matter.
func TestTheProgramsClockDecides(t *testing.T) {
	server, url := own(t)
	raw := client(t, server.Addr)
	for _, ahead := range []time.Duration{-10 * 365 * 24 * time.Hour, -5 * time.Minute, 5 * time.Minute, 10 * 365 * 24 * time.Hour} {
		now := time.Now().Add(ahead)
		s := open(t, url, func(cfg *driver.Config) {
			cfg.Now = func() time.Time { return now }
			cfg.Namespace = "clock"
		})
		rec := record(1, "ann", "one")
		rec.Expires = driver.MillisOf(now) + 60_000
		if err := s.Save(t.Context(), key, 0, rec); err != nil {
			t.Fatalf("%v ahead: %v", ahead, err)
		}
		for _, name := range []string{"sessions:clock:" + key.String(), "sessions:clock:owner:ann"} {
			if left := raw.PTTL(t.Context(), name).Val(); left < 10*time.Minute || left > 13*time.Minute {
				t.Errorf("%v ahead: %s has a time to live of %v", ahead, name, left)
			}
		}
		now = now.Add(time.Minute)
		if _, err := s.Load(t.Context(), key); !errors.Is(err, driver.ErrNotFound) {
			t.Errorf("%v ahead, expired: %v", ahead, err)
		}
		if err := s.Delete(t.Context(), key, 1); !errors.Is(err, driver.ErrConflict) {
			t.Errorf("%v ahead, expired: Delete: %v", ahead, err)
		}
		if err := s.Delete(t.Context(), key, 0); err != nil {
			t.Error(err)
		}
		if n := raw.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	}
}
