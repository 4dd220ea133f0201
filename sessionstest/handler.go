package sessionstest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/pump-go/sessions"
)

// Serve gives a handler one request of a client whose session holds values, and
// returns the recorded response and the session as the request left it. The
// handler finds the session as it would in service, and may do with it what it
// does there: what it set is in the session, after Renew the id is another, and
// after Destroy the session is empty. No server and no store is needed. With no
// values and no prepare the client is new.
//
//	res, s := sessionstest.Serve(t, handler, httptest.NewRequest("POST", "/cart", nil),
//		map[string]any{"user": "ann"})
//
// What a map of values cannot say, prepare does: values by their typed keys, an
// owner, a flash message.
//
//	res, s := sessionstest.Serve(t, handler, request, nil, func(s *sessions.Session) {
//		user.Set(s, "ann")
//		s.SetOwner("user:ann")
//	})
//
// The handler is what stands inside of Manager.Wrap in the program: a router, or
// one handler of it. One that calls methods of its Manager, to list devices say,
// is tested with a Manager on the memory store and an http.Client with a jar.
//
// A value that cannot be kept in a session fails the test.
func Serve(t testing.TB, h http.Handler, r *http.Request, values map[string]any, prepare ...func(*sessions.Session)) (*httptest.ResponseRecorder, *sessions.Session) {
	t.Helper()
	m, err := sessions.New(t.Context(), sessions.Options{Driver: new(mapDriver)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })

	if len(values) > 0 || len(prepare) > 0 {
		before := httptest.NewRecorder()
		m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s := sessions.FromContext(r.Context())
			for name, v := range values {
				s.Set(name, v)
			}
			for _, f := range prepare {
				f(s)
			}
			if err := s.Save(r.Context()); err != nil {
				t.Errorf("sessionstest: the values for the session: %v", err)
				s.Revert()
			}
		})).ServeHTTP(before, httptest.NewRequest("GET", "/", nil))
		for _, c := range before.Result().Cookies() {
			r.AddCookie(c)
		}
	}
	var s *sessions.Session
	res := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s = sessions.FromContext(r.Context())
		h.ServeHTTP(w, r)
	})).ServeHTTP(res, r)
	return res, s
}
