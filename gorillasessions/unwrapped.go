package gorillasessions

import (
	"context"
	"errors"
	"net/http"

	"github.com/pump-go/sessions"
)

// Libraries call Save(r, w) and know no middleware. Inside Wrap the manager's session
// is in the request's context. Outside, each New and Save passes a response of its
// own through Wrap, and Save copies the header fields to the real one.

// look calls f with the manager's session of the request, to read it.
func (st *Store) look(r *http.Request, f func(s *sessions.Session, wrapped bool) error) error {
	if s := st.m.FromContext(r.Context()); s != nil {
		return f(s, true)
	}
	var err error
	st.visit(st.sent(r).present(r), make(http.Header), func(ctx context.Context, s *sessions.Session) error {
		if err = f(s, false); s.Err() == nil {
			err = errors.Join(err, s.Save(ctx)) // records the access, if that is due
		}
		return http.ErrAbortHandler // Options.RenewAfter must not change the ID: no cookie is sent
	})
	return err
}

// change calls f with the manager's session of the request, to change and save it. f
// reports whether the session has values, so that the client must have its cookie.
func (st *Store) change(r *http.Request, w http.ResponseWriter, f func(ctx context.Context, s *sessions.Session, wrapped bool) (bool, error)) error {
	if s := st.m.FromContext(r.Context()); s != nil {
		_, err := f(r.Context(), s, true)
		return err
	}
	if out, ok := w.(interface{ Written() bool }); ok && out.Written() { // gin's
		return sessions.ErrHeaderSent
	}
	sent := st.sent(r)
	if c := st.cookieIn(w.Header()); c != nil {
		sent.cookie = c // by a Save with another copy of the request
	}
	header := w.Header().Clone()
	if header == nil {
		header = make(http.Header)
	}
	var cookie *http.Cookie
	err := st.visit(sent.present(r), header, func(ctx context.Context, s *sessions.Session) error {
		live, err := f(ctx, s, false)
		if live && err == nil {
			cookie = s.Cookie()
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, field := range []string{"Set-Cookie", "Vary", "Cache-Control"} {
		if lines := header[field]; lines != nil {
			w.Header()[field] = lines
		}
	}
	if cookie != nil && st.cookieIn(header) == nil {
		http.SetCookie(w, cookie) // every Save prolongs it: there is no other occasion
	}
	sent.cookie = st.cookieIn(w.Header())
	return nil
}

// visit calls f with the session of a request that does not pass through Wrap, and
// puts the fields of the response into header. If f returns an error, nothing is
// committed.
func (st *Store) visit(r *http.Request, header http.Header, f func(context.Context, *sessions.Session) error) (err error) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	w := &headerOnly{header: header}
	st.m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err = f(r.Context(), st.m.FromContext(r.Context())); err != nil {
			panic(http.ErrAbortHandler) // Wrap commits nothing
		}
	})).ServeHTTP(w, r)
	if w.errorPage {
		return errors.New("the session could not be committed; see the log")
	}
	return nil
}

// headerOnly is a response of which only the header is used. The only response that
// Wrap writes by itself is the error page.
type headerOnly struct {
	header    http.Header
	errorPage bool
}

func (w *headerOnly) Header() http.Header { return w.header }

func (w *headerOnly) WriteHeader(int) { w.errorPage = true }

func (w *headerOnly) Write(b []byte) (int, error) {
	w.errorPage = true
	return len(b), nil
}

// sent is what a response outside Wrap has so far: nil, or the cookie of the last
// Save. It is in the request's context, where gorilla's registry is too.
type sent struct{ cookie *http.Cookie }

type sentKey struct{ m *sessions.Manager }

func (st *Store) sent(r *http.Request) *sent {
	key := sentKey{st.m}
	s, _ := r.Context().Value(key).(*sent)
	if s == nil {
		s = new(sent)
		*r = *r.WithContext(context.WithValue(r.Context(), key, s))
	}
	return s
}

// present returns the request as the client will send the next one: with the cookie
// that the response has.
func (s *sent) present(r *http.Request) *http.Request {
	if s.cookie == nil {
		return r
	}
	next := r.WithContext(r.Context())
	next.Header = r.Header.Clone()
	next.Header.Set("Cookie", s.cookie.Name+"="+s.cookie.Value) // no value if it deletes the cookie
	return next
}

// cookieIn returns the manager's cookie that a response sets, or nil.
func (st *Store) cookieIn(h http.Header) *http.Cookie {
	for _, line := range h["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == st.cookie.Name {
			return c
		}
	}
	return nil
}
