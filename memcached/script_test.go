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

// script is a server that answers as a test says, for what a real one does too
// seldom.
type script struct {
	answer func(command string) string // "" hangs, "-" hangs up

	mu    sync.Mutex
	said  []string // the commands' first words
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
		s.said = append(s.said, words[0])
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

// heard returns the commands since it was asked last.
func (s *script) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := strings.Join(s.said, " ")
	s.said = nil
	return said
}

// hangUp ends all connections, as a restart does, and tells how many there were.
func (s *script) hangUp() int {
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

// value is the answer to a get of key.
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

// writes are the calls that change something, each of which begins with its
// writing command.
func writes(s driver.Store, hinted driver.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"add":    func(ctx context.Context) error { return s.Save(ctx, key, 0, fresh()) },
		"cas":    func(ctx context.Context) error { return s.Save(ctx, key, 7, hinted) },
		"delete": func(ctx context.Context) error { return s.Delete(ctx, key, 0) },
	}
}

// Whatever becomes of a write, it is sent once: it may have run.
func TestAWriteIsNeverSentAgain(t *testing.T) {
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
				s.heard()
				began := time.Now()
				err := write(t.Context())
				if err == nil || errors.Is(err, driver.ErrConflict) || errors.Is(err, driver.ErrTooLarge) {
					t.Errorf("%s answered %q: %v, want an error that says nothing of the outcome", command, answer, err)
				}
				if said := s.heard(); said != command {
					t.Errorf("%s answered %q: the commands were %q", command, answer, said)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s answered %q took %v", command, answer, took)
				}
			}
		})
	}
}

// Reading changes nothing, so a connection that went while it was idle is not
// the session's end.
func TestAReadSurvivesALostConnection(t *testing.T) {
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
			t.Errorf("from a server that always hangs up: %v", err)
		}
		if failures < 990 {
			t.Errorf("it was asked %d times", 1000-failures)
		}
	})
}

func TestAnAnswerForAnotherKeyIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := scripted(t, &script{answer: func(string) string { return value(t, driver.Key{9}, fresh()) }})
		if rec, err := store.Load(t.Context(), key); err == nil || rec.Version != 0 {
			t.Errorf("%+v, %v", rec, err)
		}
	})
}

// A server that hangs holds nobody longer than the context, or the client's
// timeout; Close waits for what is left.
func TestAHungServerIsWaitedForInBoundedTime(t *testing.T) {
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
				most time.Duration
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
				if took := time.Since(began); err == nil || took > c.most {
					t.Errorf("%s took %v, at most %v: %v", command, took, c.most, err)
				}
				if c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want one that is %v", command, err, c.want)
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
			t.Errorf("Close took %v, with a command under way for a second", took)
		}
	})
}

// An answer that comes just after the context's end is better than none.
func TestALateAnswerIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := scripted(t, &script{answer: func(string) string {
			time.Sleep(80 * time.Millisecond)
			return "NOT_FOUND\r\n"
		}})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := store.Delete(ctx, key, 0); err != nil {
			t.Errorf("Delete: %v", err)
		}
	})
}

// The idle connections of a server that went are not tried one by one.
func TestIdleConnectionsOfALostServerAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10
		s := &script{answer: func(string) string {
			time.Sleep(time.Millisecond) // so that all are busy at a time
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
		if idle := s.hangUp(); idle != n {
			t.Fatalf("%d connections", idle)
		}
		if _, err := store.Load(t.Context(), key); err != nil {
			t.Errorf("after the restart: %v", err)
		}
		s.heard()
		if err := store.Delete(t.Context(), key, 0); err == nil || !strings.Contains(err.Error(), "unexpected") || s.heard() != "delete" {
			t.Errorf("a write after it did not reach the server: %v", err)
		}
	})
}
