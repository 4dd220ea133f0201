package testapp

import (
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// App is an application: a manager and all that it needs.
type App struct {
	T       testing.TB
	Manager *sessions.Manager // the present one
	Store   *Store            // nil if Options.Store names another
	Clock   *Clock
	Log     *Log
	Options sessions.Options // of the next manager
	Server  *httptest.Server // nil: requests reach the manager without a network

	paths    atomic.Int64
	handlers sync.Map // by path: what the server's requests are for
	handler  atomic.Value
	tokens   sync.Map // that clients were given
}

// New returns an application without a network. Each change of its options is
// optional: by default they have a memory store, the application's clock and log,
// and no sweeping. A driver that a change sets is wrapped in the Store.
func New(t testing.TB, change ...func(*sessions.Options)) *App {
	t.Helper()
	a := &App{T: t, Clock: NewClock(Epoch), Log: new(Log)}
	a.Options = sessions.Options{
		Now:           func() time.Time { return a.Clock.Now().In(zone) },
		SweepInterval: -1,
		Logger:        a.Log.Logger(slog.LevelInfo),
	}
	for _, f := range change {
		f(&a.Options)
	}
	if a.Options.Store == "" {
		a.Store = NewStore(a.Options.Driver)
		a.Options.Driver = a.Store
	}
	a.Manager = a.NewManager()
	t.Cleanup(func() {
		logged := a.Log.String()
		for token := range a.tokens.Range {
			if strings.Contains(logged, token.(string)) {
				t.Errorf("the log contains the token %s", token)
			}
		}
	})
	return a
}

// NewManager returns one more manager with the application's options, on the same
// store. It is closed at the end of the test.
func (a *App) NewManager() *sessions.Manager {
	a.T.Helper()
	m, _ := NewManager(a.T, a.Options)
	return m
}

// NewManager returns a manager that is closed at the end of the test, and, unless
// the options name a store or have a driver, the Store that it is on. The default
// logger discards all.
func NewManager(t testing.TB, o sessions.Options) (*sessions.Manager, *Store) {
	t.Helper()
	store, _ := o.Driver.(*Store)
	if o.Store == "" && o.Driver == nil {
		store = NewStore(nil)
		o.Driver = store
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := sessions.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if store != nil {
			if err := store.Shut(); err != nil {
				t.Error(err)
			}
		}
	})
	return m, store
}

// Deploy replaces the manager by one with other options, as a deployment does.
func (a *App) Deploy(change func(*sessions.Options)) {
	a.T.Helper()
	if change != nil {
		change(&a.Options)
	}
	old := a.Manager
	a.Manager = a.NewManager()
	if a.Server != nil {
		a.route(a.Manager)
		if err := old.Close(); err != nil {
			a.T.Error(err)
		}
	}
}

// Listen starts a server for the application. From now on its clients make their
// requests over the network.
func (a *App) Listen() {
	a.T.Helper()
	complaints := new(Log)
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.handler.Load().(http.Handler).ServeHTTP(w, r)
	}))
	a.Server.Config.ErrorLog = log.New(complaints, "", 0)
	a.route(a.Manager)
	a.Server.Start()
	a.Server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a.T.Cleanup(func() {
		a.Server.Close()
		if s := complaints.String(); s != "" {
			a.T.Errorf("the server logs: %s", s)
		}
	})
}

// route sends the server's requests to the manager m, and from there to the
// handler of the request's path.
func (a *App) route(m *sessions.Manager) {
	a.Serve(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.ServeHTTP(w, r) })))
}

// Serve sets the handler of all of the server's requests.
func (a *App) Serve(h http.Handler) { a.handler.Store(http.HandlerFunc(h.ServeHTTP)) }

// ServeHTTP calls the handler of the request's path.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, ok := a.handlers.Load(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h.(http.Handler).ServeHTTP(w, r)
}

// Handle sets the handler of one path of the server.
func (a *App) Handle(path string, h http.Handler) { a.handlers.Store(path, h) }

// CookieName returns the name of the session's cookie.
func (a *App) CookieName() string {
	if name := a.Options.Cookie.Name; name != "" {
		return name
	}
	return "pump-session"
}

// WantRecords fails the test if the store does not have n records. It checks
// nothing if the store cannot list them.
func (a *App) WantRecords(n int) {
	a.T.Helper()
	if !a.Store.Listable() {
		return
	}
	if got := len(a.Store.Records(a.T)); got != n {
		a.T.Errorf("got %d records, want %d", got, n)
	}
}
