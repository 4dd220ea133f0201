package behaviour

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/pump-go/sessions/cookie"
	"github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/file"
	"github.com/pump-go/sessions/memory"
)

// ability is something that not every store can do. A test names those that it
// needs, and is skipped, by name, on a store that declares that it cannot.
type ability string

const (
	// revoke: what one request ended is over for whoever else has the token.
	revoke ability = "revoke"
	// merge: parallel requests on one session all count.
	merge ability = "merge"
	// keep: the sessions are on the server, where they can be found.
	keep ability = "keep"
	// settle: a save leaves the token, and so the client's cookie, as it is.
	settle ability = "settle"
	// list: the sessions can be listed, and counted.
	list ability = "list"
	// disk: the sessions are in files below Options.DataDir.
	disk ability = "disk"
)

// store is a store under test.
type store struct {
	name   string
	driver driver.Driver
	// server starts what the driver needs, in place of driver. A server that is
	// not installed skips the test.
	server func(t testing.TB) driver.Driver
	cannot map[ability]string // and why
}

var noFiles = map[ability]string{disk: "it has no files below DataDir"}

var stores = []store{
	{name: "memory", driver: memory.New(memory.Options{}), cannot: noFiles},
	{name: "file", driver: file.New(file.Options{})},
	{name: "dbm", driver: dbm.New(dbm.Options{})},
	{name: "cookie", driver: cookie.New(), cannot: map[ability]string{
		revoke: "a cookie once issued stays good until it expires",
		merge:  "of two answers the cookie that the client takes last is the session",
		keep:   "the sessions are with the clients",
		list:   "the sessions are with the clients",
		settle: "a save makes another token",
		disk:   "it has no files",
	}},
}

// everywhere runs a test on each store that has the abilities.
func everywhere(t *testing.T, test func(t *testing.T, st store), needs ...ability) {
	for _, st := range stores {
		t.Run(st.name, func(t *testing.T) {
			for _, need := range needs {
				if why, cannot := st.cannot[need]; cannot {
					t.Skipf("cannot %s: %s", need, why)
				}
			}
			test(t, st)
		})
	}
}

// errOutage is what a store that is down answers. A client must never read it.
var errOutage = errors.New("dial tcp 10.9.8.7:5432: connection refused")

// watch counts the calls that reach a store, and fails them where a test wants.
type watch struct {
	mu    sync.Mutex
	calls map[string]int
	fault func(kind string) error
}

func (w *watch) call(kind string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[kind]++
	if w.fault == nil {
		return nil
	}
	return w.fault(kind)
}

// since returns how many calls of the kinds there were since it was asked last,
// and forgets all.
func (w *watch) since(kinds ...string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, kind := range kinds {
		n += w.calls[kind]
	}
	clear(w.calls)
	return n
}

// fails says what happens to every call from now on; nil is nothing.
func (w *watch) fails(fault func(kind string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = fault
}

func (w *watch) down() { w.fails(func(string) error { return errOutage }) }
func (w *watch) up()   { w.fails(nil) }

// next makes the next n calls of the kind fail, and no others.
func (w *watch) next(n int, kind string) {
	w.fails(func(k string) error {
		if n == 0 || k != kind {
			return nil
		}
		n--
		return errOutage
	})
}

// over returns the store with the watch in front of it.
func (w *watch) over(s driver.Store) driver.Store {
	watched := watched{s, w}
	if sealer, ok := s.(driver.Sealer); ok {
		return watchedSealer{watched, sealer}
	}
	lister, lists := s.(driver.Lister)
	owners, owns := s.(driver.Owners)
	sweeper, sweeps := s.(driver.Sweeper)
	if lists && owns && sweeps {
		return watchedLister{watched, lister, owners, sweeper}
	}
	return watched
}

type watched struct {
	driver.Store
	w *watch
}

func (s watched) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if err := s.w.call("Load"); err != nil {
		return driver.Record{}, err
	}
	return s.Store.Load(ctx, key)
}

func (s watched) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := s.w.call("Save"); err != nil {
		return err
	}
	return s.Store.Save(ctx, key, old, rec)
}

func (s watched) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if err := s.w.call("Touch"); err != nil {
		return err
	}
	return s.Store.Touch(ctx, key, rec)
}

func (s watched) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	if err := s.w.call("Delete"); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key, v)
}

// Close leaves the store open: the next manager of the app may want it.
func (watched) Close() error { return nil }

type watchedLister struct {
	watched
	driver.Lister
	driver.Owners
	driver.Sweeper
}

type watchedSealer struct {
	watched
	sealer driver.Sealer
}

func (s watchedSealer) Seal(key driver.Key, rec driver.Record) (string, error) {
	if err := s.w.call("Seal"); err != nil {
		return "", err
	}
	return s.sealer.Seal(key, rec)
}

func (s watchedSealer) Unseal(token string) (driver.Sealed, error) { return s.sealer.Unseal(token) }
