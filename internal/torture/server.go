//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// A server process is the same program, with its setup in the environment.
const serverEnv = "TORTURE_SERVER"

// setup configures a server process.
type setup struct {
	Store, URL, DataDir string
	StoreTimeout        time.Duration
	User                int    // user ID to run as, if not 0
	Broken              string // name of a breakage, in tests of the checker
}

// The session options. Times are short, so that accesses are recorded and cookies
// reissued many times in a run.
const (
	idleTimeout   = 15 * time.Minute
	lifetime      = 24 * time.Hour
	cookieExpires = 10 * time.Minute
	sweepInterval = 250 * time.Millisecond
	cookieName    = "torture"
	namespace     = "torture"

	renewAfter   = 2 * time.Minute
	rotatingPath = "/rotating"
)

// options returns the options of every server process.
func (c setup) options() sessions.Options {
	return sessions.Options{
		Store: c.Store, URL: c.URL, DataDir: c.DataDir, Namespace: namespace,
		Cookie: sessions.Cookie{
			Name:    cookieName,
			Secret:  []byte("the secret that all servers under torture share"),
			Expires: sessions.ExpireAfter(cookieExpires),
		},
		IdleTimeout: idleTimeout, Lifetime: lifetime,
		StoreTimeout: c.StoreTimeout, SweepInterval: sweepInterval,
		ErrorHandler: errorPage,
		Logger:       newLogger(),
	}
}

// breakages are faulty wrappers, in tests of the checker.
var breakages = map[string]breakage{}

type breakage struct {
	config  func(*driver.Config)
	store   func(driver.Store, *host) driver.Store
	handler func(http.Handler, *host) http.Handler // around the manager's
	inner   func(http.Handler, *host) http.Handler // inside it
}

// host is the state of a server process.
type host struct {
	setup   setup
	manager *sessions.Manager
	store   driver.Store
	// rotating is a second manager on the same store, with Options.RenewAfter. Its
	// clock is ahead by that time, so that it renews each session that the other
	// one has used since.
	rotating *sessions.Manager
	skew     atomic.Int64 // of its clock, in ms
	down     atomic.Bool  // the store's calls fail
}

func (h *host) now() time.Time {
	return time.Now().Add(time.Duration(h.skew.Load()) * time.Millisecond)
}

// serve runs a server process until the end of its standard input, then shuts it
// down and reports its leftovers.
func serve(encoded string) error {
	var c setup
	if err := json.Unmarshal([]byte(encoded), &c); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ) // exceeding the file size limit is then an error
	if c.User != 0 {
		if err := setUser(c.User); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h := &host{setup: c}
	if err := h.warmUp(); err != nil {
		return err
	}
	before := countResources()
	if err := h.open(); err != nil {
		return err
	}
	broken := breakages[c.Broken]
	mux := http.NewServeMux()
	for path, m := range map[string]*sessions.Manager{"/": h.manager, rotatingPath: h.rotating} {
		var handler http.Handler = &site{m}
		if broken.inner != nil {
			handler = broken.inner(handler, h)
		}
		handler = m.Wrap(handler)
		if broken.handler != nil {
			handler = broken.handler(handler, h)
		}
		mux.Handle(path, handler)
	}
	h.control(mux)
	server := &http.Server{Handler: mux, ErrorLog: log.New(os.Stderr, "", 0)} // any output is a violation
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Println("ready", l.Addr())

	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it, or dies
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("shutting down: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	closeErr := errors.Join(h.rotating.Close(), h.manager.Close()) // may fail if the backend hangs
	gone := leftoversSince(before)
	if closeErr != nil {
		gone.Close = closeErr.Error()
	}
	line, err := json.Marshal(gone)
	if err != nil {
		return err
	}
	fmt.Printf("left %s\n", line)
	return nil
}

// open opens the manager.
func (h *host) open() (err error) {
	o := h.setup.options()
	o.Now = h.now
	broken := breakages[h.setup.Broken]
	if wrap := h.wrapping(broken.store); wrap != nil {
		plain := drivers[o.Store]
		o.Store, o.Driver = "", driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
			if broken.config != nil {
				broken.config(&cfg)
			}
			s, err := plain.Open(ctx, cfg)
			if err != nil {
				return nil, err
			}
			return wrap(s), nil
		})
	}
	o.WrapStore = func(s driver.Store) driver.Store {
		h.store = s
		return s
	}
	if h.manager, err = sessions.New(context.Background(), o); err != nil {
		return err
	}
	o.Store, o.URL, o.WrapStore = "", "", nil
	o.Driver = driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) { return borrowed{h.store}, nil })
	o.RenewAfter, o.Now = renewAfter, func() time.Time { return h.now().Add(renewAfter) }
	h.rotating, err = sessions.New(context.Background(), o)
	return err
}

// borrowed is a store that another manager closes.
type borrowed struct{ driver.Store }

func (borrowed) Close() error           { return nil }
func (b borrowed) Unwrap() driver.Store { return b.Store }

func (b borrowed) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	return renewOn(ctx, b.Store, oldKey, old, forward, key, rec)
}

// wrapping returns Options.WrapStore: for memory, which has no other way to be
// down, a switch, and in tests of the checker a breakage.
func (h *host) wrapping(broken func(driver.Store, *host) driver.Store) func(driver.Store) driver.Store {
	if h.setup.Store != "memory" && broken == nil {
		return nil
	}
	return func(s driver.Store) driver.Store {
		if h.setup.Store == "memory" {
			s = switchable{asFullStore(s), &h.down}
		}
		if broken != nil {
			s = broken(s, h)
		}
		return s
	}
}

// warmUp makes the process open what the runtime and libraries keep open, so that
// countResources counts only what the sessions use.
func (h *host) warmUp() error {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	return f.Close()
}

// setUser changes to a user without root's rights, which ignore file modes.
func setUser(user int) error {
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(user), syscall.Setuid(user))
}
