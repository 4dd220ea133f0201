package judges

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	gorilla "github.com/gorilla/sessions"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/gorillasessions"
)

// What no other Store of gorilla/sessions promises, over HTTP: parallel requests keep
// each other's values and messages, and a sign-out in the midst of them is final.
func TestParallelRequests(t *testing.T) {
	EachMount(t, func(t *testing.T, m *sessions.Manager, mount func(http.Handler) http.Handler) {
		if _, err := m.Find(t.Context(), ""); errors.Is(err, errors.ErrUnsupported) {
			t.Skip("the cookie store keeps nothing that could be merged")
		}
		b := NewBrowser(t, mount(parallelProgram(gorillasessions.New(m))))
		b.Body("/sign-in")
		const tabs = 8
		var wg sync.WaitGroup
		for i := range tabs {
			tab := b.Copy()
			wg.Go(func() {
				for range 3 {
					tab.Body(fmt.Sprint("/set?key=", i))
				}
			})
		}
		wg.Wait()
		if got, want := b.Body("/"), fmt.Sprintf("user ann, %d keys, %d messages", tabs, 3*tabs); got != want {
			t.Errorf("got %q, want %q", got, want)
		}

		for i := range tabs {
			tab := b.Copy()
			wg.Go(func() {
				for range 5 {
					tab.Get(fmt.Sprint("/set?key=", i)) // may be refused
				}
			})
		}
		signedIn := b.Copy()
		b.Body("/sign-out")
		wg.Wait()
		if got := signedIn.Body("/"); got != "user <nil>, 0 keys, 0 messages" {
			t.Errorf("after the sign-out: %q", got)
		}
	})
}

func parallelProgram(store gorilla.Store) http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, f func(s *gorilla.Session, r *http.Request) string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			s, err := store.Get(r, "app")
			if err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			answer := f(s, r)
			if err := s.Save(r, w); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			fmt.Fprint(w, answer)
		})
	}
	handle("/sign-in", func(s *gorilla.Session, _ *http.Request) string {
		s.Values["user"] = "ann"
		return ""
	})
	handle("/set", func(s *gorilla.Session, r *http.Request) string {
		s.Values[r.FormValue("key")] = true
		s.AddFlash(r.FormValue("key"))
		return ""
	})
	handle("/sign-out", func(s *gorilla.Session, _ *http.Request) string {
		s.Options.MaxAge = -1
		return ""
	})
	handle("/{$}", func(s *gorilla.Session, _ *http.Request) string {
		messages := s.Flashes()
		return fmt.Sprintf("user %v, %d keys, %d messages", s.Values["user"], max(len(s.Values)-1, 0), len(messages))
	})
	return mux
}
