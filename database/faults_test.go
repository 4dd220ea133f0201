//go:build unix

package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pump-go/sessions/database"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
)

// proxy forwards connections from a store to its server.
type proxy struct {
	net.Listener
	server string
	// swallow drops the next response and closes its connection.
	swallow atomic.Bool
	clients sync.Map // of net.Conn
	answers atomic.Int64
}

func newProxy(t *testing.T, server string) *proxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{Listener: l, server: server}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// reset resets every connection, so that the next write to it fails.
func (p *proxy) reset() {
	for c := range p.clients.Range {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.(net.Conn).Close()
	}
}

func (p *proxy) serve(client net.Conn) {
	p.clients.Store(client, true)
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || p.swallow.Swap(false) {
			server.Close()
			return
		}
		p.answers.Add(1)
		if _, err := client.Write(buf[:n]); err != nil {
			server.Close()
			return
		}
	}
}

// engine is a database server under test.
type engine struct {
	name    string
	dialect database.Dialect
	sql     string // the driver's name
	shared  func(testing.TB) *servers.Server
	own     func(testing.TB) *servers.Server
	url     func(addr, params string) string
	dsn     func(addr string) string
}

var engines = []engine{
	{"PostgreSQL", database.PostgreSQL, "postgres", servers.Postgres, servers.OwnPostgres, postgresURL,
		func(addr string) string { return "postgres://postgres@" + addr + "/postgres?sslmode=disable" }},
	{"MySQL", database.MySQL, "mysql", servers.MariaDB, servers.OwnMariaDB, mysqlURL,
		func(addr string) string { return "root@tcp(" + addr + ")/test" }},
}

func onEngines(t *testing.T, f func(t *testing.T, e engine)) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) { f(t, e) })
	}
}

func open(t testing.TB, d driver.Driver, cfg driver.Config) driver.Store {
	t.Helper()
	if cfg.SweepInterval == 0 {
		cfg.SweepInterval = -1
	}
	s, err := d.Open(t.Context(), cfg.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openURL(t testing.TB, url string) driver.Store {
	t.Helper()
	return open(t, database.FromURL(database.Options{}), driver.Config{URL: url})
}

func newKey() (k driver.Key) {
	for i := range k {
		k[i] = byte(rand.IntN(256))
	}
	return k
}

func newVersion() driver.Version { return driver.Version(1 + rand.Int64N(1<<63-1)) }

func record(data string) driver.Record {
	now := driver.MillisOf(time.Now())
	return driver.Record{Data: []byte(data), Owner: "user:42", Version: newVersion(), Created: now, Accessed: now, Expires: now + 3600_000}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quickly runs f with a short timeout, and reports an error if f takes much longer.
func quickly(t *testing.T, what string, f func(ctx context.Context) error) error {
	t.Helper()
	const timeout = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	began := time.Now()
	err := f(ctx)
	if d := time.Since(began); d > timeout+2*time.Second {
		t.Errorf("%s took %v, want at most about %v", what, d, timeout)
	}
	return err
}

// A write whose response was lost has run. If database/sql repeated it, the second
// attempt would conflict with the first.
func TestWriteOfUnknownOutcomeIsNotRepeated(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		p := newProxy(t, e.shared(t).Addr)
		addr := p.Addr().String()
		db, err := sql.Open(e.sql, e.dsn(addr))
		must(t, err)
		t.Cleanup(func() { db.Close() })
		table := fresh()
		for name, s := range map[string]driver.Store{
			"its own pool": openURL(t, e.url(addr, "table="+table)),
			"unprepared":   openURL(t, e.url(addr, "prepare=no&table="+table)),
			"a given pool": open(t, database.New(db, e.dialect, database.Options{Table: table}), driver.Config{}),
		} {
			t.Run(name, func(t *testing.T) {
				ctx := t.Context()
				// loseAnswer first prepares all statements on the one connection in use, so
				// that the response that is lost is that of the next write.
				loseAnswer := func() {
					key, rec := newKey(), record("first")
					must(t, s.Save(ctx, key, 0, rec))
					now := record("second")
					must(t, s.Save(ctx, key, rec.Version, now))
					must(t, s.Delete(ctx, key, now.Version))
					p.swallow.Store(true)
				}
				for range 3 {
					key, rec := newKey(), record("first")
					loseAnswer()
					err := s.Save(ctx, key, 0, rec)
					if err == nil || errors.Is(err, driver.ErrConflict) {
						t.Fatalf("Save with old 0, response lost: got error %v, want one of unknown outcome", err)
					}
					got, err := s.Load(ctx, key)
					must(t, err)
					if got.Version != rec.Version {
						t.Fatal("the write was lost, not only its response")
					}
					now := record("second")
					must(t, s.Save(ctx, key, rec.Version, now))
					last := record("third")
					loseAnswer()
					if err := s.Save(ctx, key, now.Version, last); err == nil || errors.Is(err, driver.ErrConflict) {
						t.Fatalf("Save at a version, response lost: got error %v, want one of unknown outcome", err)
					}
					got, err = s.Load(ctx, key)
					must(t, err)
					if got.Version != last.Version {
						t.Fatal("the write was lost, not only its response")
					}
					must(t, s.Touch(ctx, key, last))
					loseAnswer()
					if err := s.Delete(ctx, key, last.Version); err == nil || errors.Is(err, driver.ErrConflict) {
						t.Fatalf("Delete at a version, response lost: got error %v, want one of unknown outcome", err)
					}
					if _, err := s.Load(ctx, key); !errors.Is(err, driver.ErrNotFound) {
						t.Fatalf("Load after Delete: got error %v, want ErrNotFound", err)
					}
				}
			})
		}
	})
}

// calls returns a call of each method.
func calls(s driver.Store, key driver.Key, rec driver.Record) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Load":    func(ctx context.Context) error { _, err := s.Load(ctx, key); return err },
		"Save":    func(ctx context.Context) error { return s.Save(ctx, key, rec.Version, record("lost")) },
		"create":  func(ctx context.Context) error { return s.Save(ctx, newKey(), 0, rec) },
		"Touch":   func(ctx context.Context) error { return s.Touch(ctx, key, rec) },
		"Delete":  func(ctx context.Context) error { return s.Delete(ctx, newKey(), 0) },
		"Sweep":   func(ctx context.Context) error { _, err := s.(driver.Sweeper).Sweep(ctx); return err },
		"listing": func(ctx context.Context) error { return listed(ctx, s) },
	}
}

func listed(ctx context.Context, s driver.Store) error {
	for _, err := range s.(driver.Lister).All(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// fails reports an error unless each call fails in time, with an error that leaves the
// outcome open.
func fails(t *testing.T, s driver.Store, key driver.Key, rec driver.Record, want error) {
	t.Helper()
	for name, call := range calls(s, key, rec) {
		err := quickly(t, name, call)
		switch {
		case err == nil, errors.Is(err, driver.ErrConflict), errors.Is(err, driver.ErrNotFound), errors.Is(err, driver.ErrCorrupt):
			t.Errorf("%s: got error %v, want one that leaves the outcome open", name, err)
		case want != nil && !errors.Is(err, want):
			t.Errorf("%s: got error %v, want one that wraps %v", name, err, want)
		case !strings.HasPrefix(err.Error(), "database: "):
			t.Errorf("%s: the error does not name the operation: %v", name, err)
		}
	}
}

// eventually waits until f succeeds, such as for the recovery of a server.
func eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

func TestHungServer(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		server := e.own(t)
		for _, params := range []string{"", "prepare=no"} {
			s := openURL(t, e.url(server.Addr, params))
			key, rec := newKey(), record("kept")
			must(t, s.Save(t.Context(), key, 0, rec))
			stop(t, server)
			fails(t, s, key, rec, context.DeadlineExceeded)
			unused := openURL(t, e.url(server.Addr, params))
			fails(t, unused, key, rec, context.DeadlineExceeded)
			began := time.Now()
			must(t, unused.Close())
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("Close took %v", d)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			if _, err := s.Load(ctx, key); !errors.Is(err, context.Canceled) {
				t.Errorf("Load with a canceled context: got error %v, want Canceled", err)
			}
			resume(t, server)
			eventually(t, "Load after the server continued", func() error { _, err := s.Load(t.Context(), key); return err })
			must(t, s.Save(t.Context(), newKey(), 0, rec))
		}
	})
}

// Close does not wait for a hung server to close prepared statements.
func TestCloseWithHungServer(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		server := e.own(t)
		s := openURL(t, e.url(server.Addr, ""))
		must(t, s.Save(t.Context(), newKey(), 0, record("kept")))
		stop(t, server)
		defer resume(t, server)
		began := time.Now()
		must(t, s.Close())
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("Close took %v", d)
		}
	})
}

// Close returns no error for connections that broke while they were idle.
func TestCloseAfterConnectionsBroke(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		p := newProxy(t, e.shared(t).Addr)
		s := openURL(t, e.url(p.Addr().String(), ""))
		must(t, s.Save(t.Context(), newKey(), 0, record("kept")))
		p.reset()
		must(t, s.Close())
	})
}

// stop suspends the server and, for PostgreSQL, the processes of its connections.
func stop(t *testing.T, s *servers.Server) {
	signal(t, s, syscall.SIGSTOP)
	time.Sleep(50 * time.Millisecond) // its threads stop one after the other
}

func resume(t *testing.T, s *servers.Server) { signal(t, s, syscall.SIGCONT) }

func signal(t *testing.T, s *servers.Server, sig syscall.Signal) {
	t.Helper()
	for _, pid := range s.Pids() {
		_ = syscall.Kill(pid, sig)
	}
}

func TestServerAcceptsAndSendsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	onEngines(t, func(t *testing.T, e engine) {
		fails(t, openURL(t, e.url(l.Addr().String(), "")), newKey(), record("x"), context.DeadlineExceeded)
	})
}

// A host that is switched off does not refuse connections. Neither does a listener
// whose queue is full.
func TestServerDropsPackets(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, err)
	defer syscall.Close(fd)
	must(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, syscall.Listen(fd, 0))
	name, err := syscall.Getsockname(fd)
	must(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for n := 0; ; n++ {
		c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
		if err != nil {
			break
		}
		defer c.Close()
		if n == 20 {
			t.Skip("this system's queue does not fill")
		}
	}
	onEngines(t, func(t *testing.T, e engine) {
		fails(t, openURL(t, e.url(addr, "")), newKey(), record("x"), context.DeadlineExceeded)
	})
}

func TestServerRefusesConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().String()
	l.Close()
	onEngines(t, func(t *testing.T, e engine) {
		fails(t, openURL(t, e.url(addr, "")), newKey(), record("x"), nil)
	})
}

// A restart under load loses no acknowledged write, whether the server is stopped or
// killed, and the store recovers by itself.
func TestRestartUnderLoad(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		server := e.own(t)
		s := openURL(t, e.url(server.Addr, ""))
		must(t, s.Save(t.Context(), newKey(), 0, record("x")))
		for name, end := range map[string]func(){"in order": server.Stop, "killed": server.Kill} {
			t.Run(name, func(t *testing.T) {
				var over atomic.Bool
				var failed atomic.Int64
				var wg sync.WaitGroup
				type outcome struct {
					acked driver.Version
					maybe map[driver.Version]bool
				}
				kept := make([]outcome, 8)
				keys := make([]driver.Key, len(kept))
				for i := range kept {
					keys[i] = newKey()
					wg.Go(func() {
						o := outcome{maybe: map[driver.Version]bool{}}
						for !over.Load() {
							rec := record("data")
							err := s.Save(t.Context(), keys[i], o.acked, rec)
							if err == nil {
								o.acked, o.maybe = rec.Version, map[driver.Version]bool{}
								continue
							}
							failed.Add(1)
							if errors.Is(err, driver.ErrConflict) && len(o.maybe) == 0 {
								t.Errorf("Save returned ErrConflict without a concurrent write")
							}
							o.maybe[rec.Version] = true
							if got, err := s.Load(t.Context(), keys[i]); err == nil {
								if got.Version != o.acked && !o.maybe[got.Version] {
									t.Errorf("Load returned a version that was not written")
								}
								o.acked = got.Version
							}
							time.Sleep(5 * time.Millisecond)
						}
						kept[i] = o
					})
				}
				time.Sleep(300 * time.Millisecond)
				end()
				time.Sleep(200 * time.Millisecond)
				must(t, server.Start())
				time.Sleep(500 * time.Millisecond)
				over.Store(true)
				wg.Wait()
				if failed.Load() == 0 {
					t.Error("no call failed during the restart")
				}
				for i, o := range kept {
					got, err := s.Load(t.Context(), keys[i])
					if err != nil || got.Version != o.acked && !o.maybe[got.Version] {
						t.Errorf("the last acknowledged record is missing: %v", err)
					}
				}
			})
		}
	})
}

// A restart of the server while the pool is idle causes no error.
func TestRestartWhileIdle(t *testing.T) {
	onEngines(t, func(t *testing.T, e engine) {
		server := e.own(t)
		s := openURL(t, e.url(server.Addr, ""))
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 20 {
					if err := s.Save(t.Context(), newKey(), 0, record("x")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		server.Stop()
		must(t, server.Start())
		for range 20 {
			must(t, s.Save(t.Context(), newKey(), 0, record("x")))
		}
	})
}

func TestServerBecomesReadOnly(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			server := e.own(t)
			admin, err := sql.Open(e.sql, e.dsn(server.Addr))
			must(t, err)
			defer admin.Close()
			s := openURL(t, userURL(t, e, admin, server.Addr))
			key, rec := newKey(), record("kept")
			must(t, s.Save(t.Context(), key, 0, rec))
			readOnly(t, e, admin, true)
			eventually(t, "waiting for a write to be refused", func() error {
				if s.Touch(t.Context(), key, rec) == nil {
					return errors.New("the write was accepted")
				}
				return nil
			})
			if err := s.Save(t.Context(), key, rec.Version, record("x")); err == nil || errors.Is(err, driver.ErrConflict) {
				t.Errorf("Save on a read-only server: got error %v, want one other than ErrConflict", err)
			}
			got, err := s.Load(t.Context(), key)
			must(t, err)
			if got.Version != rec.Version {
				t.Error("the record changed on a read-only server")
			}
			readOnly(t, e, admin, false)
			eventually(t, "Touch after the server accepted writes again", func() error { return s.Touch(t.Context(), key, rec) })
		})
	}
}

// userURL returns the URL of a user to whom MariaDB's read_only applies.
func userURL(t *testing.T, e engine, admin *sql.DB, addr string) string {
	if e.dialect == database.PostgreSQL {
		return e.url(addr, "")
	}
	for _, q := range []string{"CREATE USER app@'%' IDENTIFIED BY 'sesame'", "GRANT ALL ON test.* TO app@'%'"} {
		_, err := admin.Exec(q)
		must(t, err)
	}
	return "mysql://app:sesame@" + addr + "/test"
}

func readOnly(t *testing.T, e engine, admin *sql.DB, on bool) {
	value := "off"
	if on {
		value = "on"
	}
	queries := []string{"SET GLOBAL read_only = " + value}
	if e.dialect == database.PostgreSQL {
		queries = []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"}
		_, err := admin.Exec("SET default_transaction_read_only = off")
		must(t, err)
	}
	for _, q := range queries {
		_, err := admin.Exec(q)
		must(t, err)
	}
}

// After a table was dropped, one call fails, and the next one creates it again.
func TestDroppedTableIsCreatedAgain(t *testing.T) {
	check := func(t *testing.T, url, name, dsn, table string) {
		s := openURL(t, url)
		must(t, s.Save(t.Context(), newKey(), 0, record("x")))
		admin, err := sql.Open(name, dsn)
		must(t, err)
		defer admin.Close()
		_, err = admin.Exec("DROP TABLE " + table)
		must(t, err)
		if _, err := s.Load(t.Context(), newKey()); err == nil || errors.Is(err, driver.ErrNotFound) {
			t.Errorf("Load without a table: got error %v", err)
		}
		key, rec := newKey(), record("x")
		must(t, s.Save(t.Context(), key, 0, rec))
		_, err = s.Load(t.Context(), key)
		must(t, err)
	}
	onEngines(t, func(t *testing.T, e engine) {
		addr, table := e.shared(t).Addr, fresh()
		check(t, e.url(addr, "table="+table), e.sql, e.dsn(addr), table)
	})
	t.Run("SQLite", func(t *testing.T) {
		url := sqliteURL(t, "")
		check(t, url, "sqlite3", strings.TrimSuffix(strings.TrimPrefix(url, "sqlite:///"), "?"), "sessions")
	})
}

// Neither errors nor log lines contain the password.
func TestErrorsAndLogHidePasswords(t *testing.T) {
	const password = "tr0ub4dor"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed := l.Addr().String()
	l.Close()
	var log strings.Builder
	for _, url := range []string{
		"postgresql://u:" + password + "@" + closed + "/x", "mysql://u:" + password + "@" + closed + "/x",
		"mysql://nobody:" + password + "@" + servers.MariaDB(t).Addr + "/test",
		"postgresql://nobody:" + password + "@" + servers.Postgres(t).Addr + "/nothing?sslmode=disable",
		"host=127.0.0.1 port=1 user=u password=" + password + " dbname=x", "u:" + password + "@tcp(" + closed + ")/x",
		"host=127.0.0.1 password='" + password, "u:" + password + "@tcp(" + closed, "oracle://u:" + password + "@host/x",
		"postgresql://u:" + password + "@ho st/x", "mysql://u:" + password + "%@host/x", "postgresql://u:" + password + "/@host:port/x",
		"sqlite:///x.db?key=" + password, "mysql://u@h/x?tls=" + password, "postgresql://u@h/x?sslmode=" + password,
		password, password + "://x", "postgresql://u:p@h/x?pool=" + password,
	} {
		s, err := database.FromURL(database.Options{}).Open(t.Context(), driver.Config{
			URL: url, DataDir: t.TempDir(), SweepInterval: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}.WithDefaults())
		if err == nil {
			err = quickly(t, "Load", func(ctx context.Context) error { _, err := s.Load(ctx, newKey()); return err })
			time.Sleep(5 * time.Millisecond)
			s.Close()
		}
		if err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: got error %v, want one without the password", url, err)
		}
	}
	if strings.Contains(log.String(), password) {
		t.Errorf("the log contains the password: %s", log.String())
	}
}
