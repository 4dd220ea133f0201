// Package sessions provides HTTP sessions in a store of your choice.
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
// The middleware commits changes just before the response header is sent, so
// there is no Save call to forget. A request that does not use its session
// costs nothing. To change stores, change an import and an option.
//
// # Values
//
// A [Key] is the name of a value, together with its type: reading needs no
// cast, and no type is registered. [Key.Update] reads and writes in one step,
// so parallel requests lose no update. [Key.Pop] gives a value to one request
// only. A [Flash] is a queue of messages for the next page. Session has untyped
// methods too, such as [Session.Get] and [Session.Set].
//
// # Signing in and out
//
// At sign-in, call [Session.Renew], so that any earlier ID stops working, and
// [Session.SetOwner] with the user. At sign-out, call [Session.Destroy].
// [Manager.DestroyOwned] signs out a user's other devices, or all of them.
//
// # Stores
//
// The stores are memory, file, dbm (one bbolt file), database (SQLite,
// PostgreSQL, MySQL, MariaDB), memcached, redis, google (Datastore) and cookie. To use
// one, import the package of that name, which documents its limits, and set
// Options.Store, Options.URL or both. To write one, see package driver.
//
// In production, set at least IdleTimeout, Lifetime, Cookie.Secure and
// Cookie.Secret in [Options].
//
// # Guarantees
//
//   - Changes of parallel requests on one session are merged. No [Key.Update] is
//     lost.
//   - No request in flight restores a session after [Session.Destroy], or
//     changes it under its old ID after [Session.Renew].
//   - If the store is down, the client gets an error page
//     ([Options.ErrorHandler]), never an anonymous session.
//   - The store sees only hashes of session IDs, so a stolen database cannot be
//     used to sign in.
//
// The cookie store keeps nothing on the server and cannot give the first two
// guarantees; its package documents what it gives instead.
//
// # More
//
// Package sessionstest helps to test handlers that use sessions. Guides
// (getting started, migrating from scs, gorilla/sessions and Beaker,
// operations) are in https://github.com/pump-go/sessions/tree/main/docs.
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
	opts    Options
	log     *slog.Logger
	store   driver.Store
	sealer  driver.Sealer  // the store, if it keeps its records with the client
	renewer driver.Renewer // the store, if it is one
	tokens  *token.Codec
	cookie  *token.Cookie
	header  token.Header
	queues  *commitqueue.Queues
	timers  deadline.Timers

	warnShared sync.Once // see warnIfShared

	close    sync.Once
	closeErr error
}

// New validates the options, opens the store, and returns a Manager for it. If
// options are invalid, the error lists all faults, matches ErrInvalidOptions,
// and contains neither a secret nor a URL. New succeeds while the store's server
// is down; requests fail until it is up. ctx bounds only the opening of the
// store.
func New(ctx context.Context, opts Options) (*Manager, error) {
	unset := opts.Store == "" && opts.URL == "" && opts.Driver == nil
	store, opts, keys, err := open(ctx, opts)
	if err != nil {
		return nil, err
	}
	// No longer needed, and must not be printed.
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
	m.renewer, _ = store.(driver.Renewer) // not by As: see its documentation
	if opts.Guard != nil {
		err := opts.Guard.Start(GuardConfig{
			Keys:     func(purpose string) [][]byte { return keys.Derive("guard " + purpose) },
			Cookie:   opts.Cookie,
			InClient: m.sealer != nil,
			Now:      opts.Now,
			Logger:   opts.Logger,
			Hold:     m.hold,
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("sessions: %w: Options.Guard: %w", ErrInvalidOptions, err), store.Close())
		}
	}
	if unset {
		m.log.Warn("sessions: no store is configured; sessions are kept in memory and are lost when the process ends")
	}
	return m, nil
}

// open validates the options, sets their defaults, and opens the store.
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
		err := fmt.Errorf("sessions: %w: Options.RenewAfter: not supported by this store, which keeps no records", ErrInvalidOptions)
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

// Close waits for running store calls to return and closes the store. Sessions
// that are still in use then fail with ErrClosed. Close may be called more than
// once, and returns the same error each time.
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

// Ping checks that the store responds, by loading a random, nonexistent session.
// It shows that sessions can be read, not that they can be written. ctx and
// Options.StoreTimeout bound the call. For the cookie store, which has no
// server, Ping fails only after Close.
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
