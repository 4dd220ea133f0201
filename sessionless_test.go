package sessions_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/testapp"
)

// curious is a log handler that adds what it finds in the context's session, as
// programs do to see whose request it is.
type curious struct{ slog.Handler }

func look(ctx context.Context) {
	if s := sessions.FromContext(ctx); s != nil {
		s.Get("user")
	}
}

func (c curious) Enabled(ctx context.Context, _ slog.Level) bool { look(ctx); return true }

func (c curious) Handle(ctx context.Context, r slog.Record) error {
	look(ctx)
	return c.Handler.Handle(ctx, r)
}

// curiousStore does the same in each call, as instrumentation might.
type curiousStore struct{ driver.Store }

func (s curiousStore) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	look(ctx)
	return s.Store.Load(ctx, key)
}

func (s curiousStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	look(ctx)
	return s.Store.Save(ctx, key, old, rec)
}

func (s curiousStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	look(ctx)
	return s.Store.Touch(ctx, key, rec)
}

func (s curiousStore) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	look(ctx)
	return s.Store.Delete(ctx, key, v)
}

func withContext(f func(s *sessions.Session, ctx context.Context)) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { f(sessions.FromContext(r.Context()), r.Context()) }
}

// A session is locked while it is loaded and committed. Whoever is called then,
// the store and the logger, finds no session in the context, rather than wait
// for it forever.
func TestLoggersAndStoresDoNotWaitForTheSession(t *testing.T) {
	for _, kind := range []string{"records", "sealed"} {
		t.Run(kind, func(t *testing.T) {
			a := testapp.New(t, func(o *sessions.Options) {
				o.Logger = slog.New(curious{slog.NewTextHandler(io.Discard, nil)})
				o.WrapStore = func(s driver.Store) driver.Store {
					if _, ok := s.(driver.Sealer); ok {
						return s
					}
					return curiousStore{s}
				}
				if kind == "sealed" {
					o.Driver, o.Store, o.Cookie.Secret = nil, "sealed", testapp.Secret
				}
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				b := testapp.NewClient(t, a.Manager)
				save := func(s *sessions.Session, ctx context.Context) {
					if err := s.Save(ctx); err != nil {
						t.Error(err)
					}
				}
				for name, f := range map[string]func(s *sessions.Session, ctx context.Context){
					"create":     func(s *sessions.Session, ctx context.Context) { s.Set("user", "ada"); save(s, ctx) },
					"update":     func(s *sessions.Session, ctx context.Context) { s.Set("user", "bob"); save(s, ctx) },
					"renew":      func(s *sessions.Session, ctx context.Context) { s.Set("n", 1); save(s, ctx); s.Renew(); save(s, ctx) },
					"invalidate": func(s *sessions.Session, ctx context.Context) { s.Invalidate(); s.Set("n", 2); save(s, ctx) },
					"destroy":    func(s *sessions.Session, ctx context.Context) { s.Set("n", 1); save(s, ctx); s.Destroy(ctx) },
					"fail":       func(s *sessions.Session, ctx context.Context) { s.Set("n", "x"); sessions.Key[int]("n").Get(s) },
				} {
					t.Log(name)
					b.Serve(withContext(f))
					b.Serve(withContext(func(s *sessions.Session, _ context.Context) { s.Get("user") }))
				}
			}()
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("somebody waits for a session that is locked")
			}
		})
	}
}
