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
type curiousStore struct{ *fakeStore }

func (s curiousStore) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	look(ctx)
	return s.fakeStore.Load(ctx, key)
}

func (s curiousStore) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	look(ctx)
	return s.fakeStore.Save(ctx, key, old, rec)
}

func (s curiousStore) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	look(ctx)
	return s.fakeStore.Touch(ctx, key, rec)
}

func (s curiousStore) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	look(ctx)
	return s.fakeStore.Delete(ctx, key, v)
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
			a := newLife(t, func(o *sessions.Options) {
				o.Logger = slog.New(curious{slog.NewTextHandler(io.Discard, nil)})
				o.WrapStore = func(s driver.Store) driver.Store {
					if f, ok := s.(*fakeStore); ok {
						return curiousStore{f}
					}
					return s
				}
				if kind == "sealed" {
					o.Driver, o.Store, o.Cookie.Secret = nil, "sealed", clientSecret
				}
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				b := newBrowser(t, a.m)
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
					b.serve(withContext(f))
					b.serve(withContext(func(s *sessions.Session, _ context.Context) { s.Get("user") }))
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
