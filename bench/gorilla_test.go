package bench

import (
	"bytes"
	"net/http"
	"os"
	"testing"

	"github.com/gorilla/sessions"
)

// gorillaApp uses gorilla/sessions as its README shows: Get at the start of the
// handler, Save before the response. It has no middleware, no way to change a
// session's ID, and does not remove expired sessions.
func gorillaApp(store sessions.Store, inStore func() int) app {
	return app{sessions: inStore, handler: func(kind work) http.Handler {
		if kind == signIn || kind == passing {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if kind == untouched {
				answer(w)
				return
			}
			s, err := store.Get(r, "session")
			if err != nil {
				wrong(w)
				return
			}
			switch kind {
			case fill:
				for i := range 9 {
					s.Values[name(i)] = text
				}
				s.Values[counter] = 0
			case small:
				for _, v := range smallValues {
					s.Values[v.name] = v.val
				}
			case read:
				a, _ := s.Values[name(3)].(string)
				_, found := s.Values[counter].(int)
				if !asWritten(a, found) {
					wrong(w)
					return
				}
				answer(w)
				return
			case write:
				n, _ := s.Values[counter].(int)
				s.Values[counter] = n + 1
			case fresh:
				s.Values[counter] = 1
			case count:
				countTo(w, func() int { n, _ := s.Values[counter].(int); return n })
				return
			}
			if err := s.Save(r, w); err != nil {
				wrong(w)
				return
			}
			answer(w)
		})
	}}
}

// gorillaKeys returns keys of the recommended sizes: 32 or 64 bytes to sign, 32 for
// AES-256.
func gorillaKeys() (hash, block []byte) {
	return bytes.Repeat([]byte("h"), 32), bytes.Repeat([]byte("b"), 32)
}

func gorillaCookie(testing.TB) app {
	store := sessions.NewCookieStore(gorillaKeys())
	store.Options.Secure = false
	store.Options.SameSite = http.SameSiteLaxMode
	return gorillaApp(store, nil)
}

// gorillaFiles only signs the IDs, as in the README.
func gorillaFiles(tb testing.TB) app {
	dir := dataDir(tb)
	hash, _ := gorillaKeys()
	store := sessions.NewFilesystemStore(dir, hash)
	store.Options.Secure = false
	store.Options.SameSite = http.SameSiteLaxMode
	return gorillaApp(store, func() int {
		files, err := os.ReadDir(dir)
		if err != nil {
			tb.Fatal(err)
		}
		return len(files)
	})
}
