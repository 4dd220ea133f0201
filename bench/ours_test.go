package bench

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	_ "github.com/pump-go/sessions/cookie"
	_ "github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/file"
	_ "github.com/pump-go/sessions/memory"
)

const ourCounter sessions.Key[int] = counter

// ours uses this library.
func ours(tb testing.TB, o sessions.Options) app {
	o.StoreTimeout = time.Minute // a stall of the machine is measured too, and the others have no limit
	o.SweepInterval = sweepEvery
	m, err := sessions.New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { m.Close() })
	return ourApp(tb, m)
}

func ourApp(tb testing.TB, m *sessions.Manager) app {
	a := app{
		merges: true,
		sessions: func() (n int) {
			for _, err := range m.All(tb.Context()) {
				if err != nil {
					tb.Fatal(err)
				}
				n++
			}
			return n
		},
		sweep: func() int {
			n, err := m.Sweep(tb.Context())
			if err != nil && !errors.Is(err, errors.ErrUnsupported) {
				tb.Fatal(err)
			}
			return n
		},
	}
	a.handler = func(kind work) http.Handler {
		return m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			switch kind {
			case untouched:
			case fill, passing:
				for i := range 9 {
					s.Set(name(i), text)
				}
				ourCounter.Set(s, 0)
				if kind == passing {
					if err := s.SetIdleTimeout(passes()); err != nil {
						wrong(w)
						return
					}
				}
			case small:
				for _, v := range smallValues {
					s.Set(v.name, v.val)
				}
			case read:
				a, _ := ourText.Get(s)
				_, found := ourCounter.Get(s)
				if !asWritten(a, found) {
					wrong(w)
					return
				}
			case readSmall:
				user, _ := ourUser.Get(s)
				n, _ := ourVisits.Get(s)
				if user != someone || n != 12 {
					wrong(w)
					return
				}
			case write:
				ourCounter.Update(s, func(n int) int { return n + 1 })
			case fresh:
				ourCounter.Set(s, 1)
			case signIn:
				if err := s.Renew(); err != nil {
					wrong(w)
					return
				}
				ourUser.Set(s, someone)
			case count:
				countTo(w, func() int { n, _ := ourCounter.Get(s); return n })
			}
			answer(w)
		}))
	}
	return a
}

// oursSync is oursOn("file", secret) with a flush of the disk for each change.
func oursSync(tb testing.TB) app {
	return ours(tb, sessions.Options{
		Driver: file.New(file.Options{Sync: true}), DataDir: dataDir(tb), Cookie: sessions.Cookie{Secret: secret},
	})
}

const (
	ourText   sessions.Key[string] = "value 3"
	ourUser   sessions.Key[string] = "user"
	ourVisits sessions.Key[int]    = "visits"
)

var secret = []byte("thirty-two bytes, not so random.")

// oursOn uses this library with a named store and a secret, which is nil unless the
// store requires one or the compared library uses one.
func oursOn(store string, secret []byte) func(testing.TB) app {
	return func(tb testing.TB) app {
		o := sessions.Options{Store: store, Cookie: sessions.Cookie{Secret: secret}}
		if store == "file" || store == "dbm" {
			o.DataDir = dataDir(tb)
		}
		a := ours(tb, o)
		if store == "cookie" {
			a.sessions, a.merges = nil, false
		}
		return a
	}
}
