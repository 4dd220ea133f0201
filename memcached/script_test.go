package memcached_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/memcached"
)

// script is a server whose answers a test defines, for errors that a real server rarely
// produces.
type script struct {
	answer func(command string) string // "" hangs, "-" closes the connection

	mu    sync.Mutex
	log   []string // the commands' names
	conns []net.Conn
}

func (s *script) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, there)
	go s.serve(there)
	return here, nil
}

func (s *script) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		command, err := in.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(command)
		if words[0] == "add" || words[0] == "cas" {
			n, err := strconv.Atoi(words[4])
			if err == nil {
				_, err = io.CopyN(io.Discard, in, int64(n)+2)
			}
			if err != nil {
				return
			}
		}
		s.mu.Lock()
		s.log = append(s.log, words[0])
		s.mu.Unlock()
		switch answer := s.answer(strings.TrimSpace(command)); answer {
		case "":
			_, _ = io.Copy(io.Discard, in)
			return
		case "-":
			return
		default:
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	}
}

// commands returns the commands since it was last called.
func (s *script) commands() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	commands := strings.Join(s.log, " ")
	s.log = nil
	return commands
}

// closeAll closes all connections, as a restart does, and returns their number.
func (s *script) closeAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.conns)
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	return n
}

// scripted opens a store on the script, with a client whose timeout is a second.
func scripted(t testing.TB, s *script) driver.Store {
	t.Helper()
	client := memcache.New("10.0.0.1:11211")
	client.DialContext, client.Timeout = s.dial, time.Second
	store, err := memcached.New(client, memcached.Options{}).Open(t.Context(), driver.Config{}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close(); client.Close() })
	return store
}

func fresh() driver.Record {
	now := driver.MillisOf(time.Now())
	return driver.Record{Data: []byte("data"), Version: 7, Created: now, Accessed: now, Expires: now + 3600_000}
}

// value returns the answer to a get of key.
func value(t testing.TB, key driver.Key, rec driver.Record) string {
	t.Helper()
	b, err := driver.AppendRecord(nil, rec)
	if err != nil {
		t.Fatal(err)
	}
	return valueOf(":"+key.String(), b)
}

func valueOf(name string, b []byte) string {
	return fmt.Sprintf("VALUE %s 0 %d 42\r\n%s\r\nEND\r\n", name, len(b), b)
}

var key = driver.Key{1, 2, 3}

// writes returns the methods that change something, by the first command they send.
func writes(s driver.Store, hinted driver.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"add":    func(ctx context.Context) error { return s.Save(ctx, key, 0, fresh()) },
		"cas":    func(ctx context.Context) error { return s.Save(ctx, key, 7, hinted) },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, key, 0) },
	}
}

// A write that failed may have been executed.
func TestWriteIsSentOnce(t *testing.T) {
	for _, answer := range []string{"", "-", "SERVER_ERROR out of memory storing object\r\n", "ERROR\r\n", "CLIENT_ERROR bad data chunk\r\n", "STO"} {
		synctest.Test(t, func(t *testing.T) {
			stored := value(t, key, fresh())
			s := &script{answer: func(command string) string {
				if strings.HasPrefix(command, "gets ") {
					return stored
				}
				return answer
			}}
			store := scripted(t, s)
			hinted, err := store.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			for command, write := range writes(store, hinted) {
				s.commands()
				began := time.Now()
				err := write(t.Context())
				if err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrTooLarge) {
					t.Errorf("%s answered %q: %v, want an error that leaves the outcome open", command, answer, err)
				}
				if commands := s.commands(); commands != command {
					t.Errorf("%s answered %q: the commands were %q", command, answer, commands)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s answered %q took %v", command, answer, took)
				}
			}
		})
	}
}

// A read is retried on a connection that broke while it was idle.
func TestReadIsRetriedOnBrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 0
		s := &script{}
		s.answer = func(string) string {
			if failures > 0 {
				failures--
				return "-"
			}
			return value(t, key, fresh())
		}
		store := scripted(t, s)
		for failures = range 3 {
			if _, err := store.Load(t.Context(), key); err != nil {
				t.Errorf("%v", err)
			}
		}
		failures = 1000
		if _, err := store.Load(t.Context(), key); err == nil || errors.Is(err, driver.ErrNotFound) {
			t.Errorf("a server that always closes the connection: %v", err)
		}
		if failures < 990 {
			t.Errorf("the read was sent %d times", 1000-failures)
		}
	})
}

func TestAnswerForAnotherKeyIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := scripted(t, &script{answer: func(string) string { return value(t, driver.Key{9}, fresh()) }})
		if rec, err := store.Load(t.Context(), key); err == nil || rec.Version != 0 {
			t.Errorf("got %+v, %v", rec, err)
		}
	})
}

// If the server hangs, a call returns when its context or the client's timeout ends.
// Close waits for the commands that are left.
func TestHungServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := false
		s := &script{answer: func(string) string {
			if hang {
				return ""
			}
			return value(t, key, fresh())
		}}
		store := scripted(t, s)
		hinted, err := store.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		hang = true
		calls := writes(store, hinted)
		calls["gets"] = func(ctx context.Context) error { _, err := store.Load(ctx, key); return err }
		for command, call := range calls {
			for _, c := range []struct {
				ctx  func() (context.Context, context.CancelFunc)
				max  time.Duration
				want error
			}{
				{func() (context.Context, context.CancelFunc) { return context.Background(), func() {} }, 1100 * time.Millisecond, nil},
				{func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), time.Minute) }, 1100 * time.Millisecond, nil},
				{func() (context.Context, context.CancelFunc) {
					return context.WithTimeout(t.Context(), 50*time.Millisecond)
				}, 200 * time.Millisecond, context.DeadlineExceeded},
				{func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(50*time.Millisecond, cancel)
					return ctx, cancel
				}, 200 * time.Millisecond, context.Canceled},
				{func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					time.AfterFunc(50*time.Millisecond, cancel)
					return ctx, cancel
				}, 1100 * time.Millisecond, context.Canceled},
			} {
				ctx, cancel := c.ctx()
				began := time.Now()
				err := call(ctx)
				if took := time.Since(began); err == nil || took > c.max {
					t.Errorf("%s took %v, at most %v: %v", command, took, c.max, err)
				}
				if c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", command, err, c.want)
				}
				cancel()
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_ = calls["add"](ctx)
		began := time.Now()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < 500*time.Millisecond || took > 2*time.Second {
			t.Errorf("Close took %v, with a command that takes a second", took)
		}
	})
}

// An answer just after the end of the context is used.
func TestLateAnswerIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := scripted(t, &script{answer: func(string) string {
			time.Sleep(80 * time.Millisecond)
			return "NOT_FOUND\r\n"
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := store.Delete(ctx, key, 0); err != nil {
			t.Errorf("Delete: got error %v", err)
		}
	})
}

// After a restart, idle connections are not tried one by one.
func TestBrokenIdleConnectionsAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10
		s := &script{answer: func(string) string {
			time.Sleep(time.Millisecond) // so that all connections are in use at once
			return value(t, key, fresh())
		}}
		client := memcache.New("10.0.0.1:11211")
		client.DialContext, client.MaxIdleConns = s.dial, n
		defer client.Close()
		store, err := memcached.New(client, memcached.Options{}).Open(t.Context(), driver.Config{}.WithDefaults())
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				if _, err := store.Load(t.Context(), key); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if idle := s.closeAll(); idle != n {
			t.Fatalf("%d connections", idle)
		}
		if _, err := store.Load(t.Context(), key); err != nil {
			t.Errorf("after the restart: got error %v", err)
		}
		s.commands()
		if err := store.Delete(t.Context(), key, 0); err == nil || !strings.Contains(err.Error(), "unexpected") || s.commands() != "delete" {
			t.Errorf("a write after the restart did not reach the server: %v", err)
		}
	})
}
