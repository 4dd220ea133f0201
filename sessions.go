// Package sessions keeps HTTP sessions in a store of the program's choice.
//
// A program names a store, wraps its handler, and reads and writes values:
//
//	import (
//		"github.com/pump-go/sessions"
//		_ "github.com/pump-go/sessions/memory"
//	)
//
//	const visits sessions.Key[int] = "visits"
//
//	func home(w http.ResponseWriter, r *http.Request) {
//		s := sessions.FromContext(r.Context())
//		n := visits.Update(s, func(n int) int { return n + 1 })
//		fmt.Fprintf(w, "visit %d", n)
//	}
//
//	func main() {
//		m, err := sessions.New(context.Background(), sessions.Options{Store: "memory"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		err = http.ListenAndServe(":8080", m.Wrap(http.HandlerFunc(home)))
//		m.Close()
//		log.Fatal(err)
//	}
//
// Changes are committed with the response, just before its header is sent;
// there is no Save call to forget. A request that does not use its session
// costs nothing. To move to another store, change an import and an option.
//
// # Values
//
// A [Key] is the name and the type of a value, without casts or registration.
// Its Update method reads and writes in one step, so that parallel requests
// lose no update; its Pop method gives a value to one request only. A [Flash]
// is a queue of messages for the next page. The methods of [Session] read and
// write values without a type.
//
// # Signing in and out
//
// At sign-in, call [Session.Renew], so that any earlier ID stops working, and
// [Session.SetOwner] with the user. At sign-out, call [Session.Destroy].
// [Manager.DestroyOwned] signs out a user's other devices, or all of them.
//
// # Stores
//
// A store is chosen by an import, a name and often a URL: memory, file, dbm
// (one bbolt file), database (SQLite, PostgreSQL, MySQL, MariaDB), memcached,
// google (Datastore) and cookie. Each is in the package of its name, which
// documents its limits. In production, set at least IdleTimeout, Lifetime,
// Cookie.Secure and Cookie.Secret in [Options]. To write a store, see package
// driver.
//
// # Guarantees
//
// Parallel requests on one session are merged: changes are applied to the
// newest record by compare-and-swap, so no [Key.Update] is lost. A session that
// [Session.Destroy] or [Session.Renew] has ended stays ended, even if requests
// are in flight. If the store is down, the client gets an error page
// ([Options.ErrorHandler]), never an anonymous session. The store sees only
// hashes of session IDs, so a stolen database cannot be used to sign in.
//
// The cookie store keeps no records and cannot give the first two guarantees;
// its package documents what it gives instead.
//
// # More
//
// Package sessionstest tests handlers that use sessions, without a server or a
// store. Guides (getting started, migrating from scs, gorilla/sessions and
// Beaker, operations) are in the directory docs of the repository,
// https://github.com/pump-go/sessions.
package sessions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/commitqueue"
	"github.com/pump-go/sessions/internal/deadline"
	"github.com/pump-go/sessions/internal/token"
)

// Manager opens the sessions of one store. Its methods are safe for concurrent
// use.
type Manager struct {
	opts   Options
	log    *slog.Logger
	store  driver.Store
	sealer driver.Sealer // the store, if it keeps its records with the client
	tokens *token.Codec
	cookie *token.Cookie
	header token.Header
	queues *commitqueue.Queues
	timers deadline.Timers

	warnShared sync.Once // see warnIfShared

	close    sync.Once
	closeErr error
}

// New validates the options, opens the store, and returns a Manager for it. The
// error reports all faults of the options together, quotes neither a secret nor
// a URL, and matches ErrInvalidOptions. A store that is down is not an error of
// New: requests fail until it is back. ctx bounds only the opening.
func New(ctx context.Context, opts Options) (*Manager, error) {
	unset := opts.Store == "" && opts.URL == "" && opts.Driver == nil
	store, opts, keys, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	// Not needed any more, and so nowhere to be printed or dumped.
	opts.Cookie.Secret, opts.Cookie.PreviousSecrets, opts.URL = nil, nil, ""
	m := &Manager{
		opts:   opts,
		log:    opts.Logger,
		store:  store,
		tokens: token.NewCodec(keys.Derive("token")),
		cookie: newCookie(opts.Cookie),
		header: token.NewHeader(opts.TokenHeader),
		queues: commitqueue.New(),
	}
	m.sealer, _ = driver.As[driver.Sealer](store)
	if unset {
		m.log.Warn("sessions: no store is configured; sessions are kept in memory, for this process alone, until it ends")
	}
	return m, nil
}

// open opens the store that the options name, once they are found valid and
// their defaults are filled in.
func open(ctx context.Context, opts Options) (driver.Store, Options, token.Keys, error) {
	opts, d, err := validate(opts)
	if err != nil {
		return nil, opts, token.Keys{}, fmt.Errorf("sessions: %w:\n%w", ErrInvalidOptions, err)
	}
	if opts.ErrorHandler == nil {
		opts.ErrorHandler = errorPage
	}
	keys := token.NewKeys(opts.Cookie.Secret, opts.Cookie.PreviousSecrets, opts.Cookie.Name, opts.Namespace)
	store, err := d.Open(ctx, driver.Config{
		URL:           opts.URL,
		DataDir:       opts.DataDir,
		LockDir:       opts.LockDir,
		Namespace:     opts.Namespace,
		CookieName:    opts.Cookie.Name,
		Keys:          keys.Derive,
		SweepInterval: opts.SweepInterval,
		Now:           opts.Now,
		Logger:        opts.Logger,
	})
	if err != nil {
		return nil, opts, token.Keys{}, fmt.Errorf("sessions: open store: %w", err)
	}
	if _, ok := driver.As[driver.Sealer](store); ok && opts.RenewAfter > 0 {
		err := fmt.Errorf("sessions: %w: Options.RenewAfter: this store keeps no sessions whose id could be renewed", ErrInvalidOptions)
		return nil, opts, token.Keys{}, errors.Join(err, store.Close())
	}
	if opts.WrapStore != nil {
		inner := store
		if store = opts.WrapStore(inner); store == nil {
			err := fmt.Errorf("sessions: %w: Options.WrapStore returned nil", ErrInvalidOptions)
			return nil, opts, token.Keys{}, errors.Join(err, inner.Close())
		}
		if _, sealed := driver.As[driver.Sealer](inner); sealed {
			if _, ok := driver.As[driver.Sealer](store); !ok {
				err := fmt.Errorf("sessions: %w: Options.WrapStore hides that the store is a driver.Sealer: implement Seal and Unseal, or Unwrap", ErrInvalidOptions)
				return nil, opts, token.Keys{}, errors.Join(err, store.Close())
			}
		}
	}
	return store, opts, keys, nil
}

// Close waits for store calls under way and closes the store. Sessions that are
// still in use then fail with ErrClosed. Close may be called more than once,
// and returns the same error each time.
func (m *Manager) Close() error {
	m.close.Do(func() {
		if err := m.store.Close(); err != nil {
			m.closeErr = fmt.Errorf("sessions: close store: %w", err)
		}
	})
	return m.closeErr
}

// Sweep removes expired records now, in addition to the store's own sweeps, and
// returns how many it removed. It returns errors.ErrUnsupported if the store
// leaves the removal to its backend.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	sw, ok := driver.As[driver.Sweeper](m.store)
	if !ok {
		return 0, unsupported("sweep")
	}
	n, err := sw.Sweep(ctx)
	if err != nil {
		return n, fmt.Errorf("sessions: sweep: %w", err)
	}
	return n, nil
}

// Ping loads a random, nonexistent session to check that the store responds, as
// a health check. It costs one read in every store. It shows that sessions can
// be read, but not that they can be written. ctx and Options.StoreTimeout bound
// it. The cookie store has no server to ask, so there Ping fails only after
// Close.
func (m *Manager) Ping(ctx context.Context) error {
	bounded := m.storeContext(ctx)
	defer bounded.Release()
	var err error
	if m.sealer != nil {
		_, err = m.sealer.Unseal("")
	} else {
		_, err = m.store.Load(bounded, token.NewID().Key())
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("sessions: ping: %w", err)
	}
	return nil
}

func (m *Manager) now() driver.Millis { return driver.MillisOf(m.opts.Now()) }
