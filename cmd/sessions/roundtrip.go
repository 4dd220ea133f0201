package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/pump-go/sessions"
)

const checked sessions.Key[string] = "sessions check"

// roundTrip creates a session, reads it by its cookie and destroys it, in three requests
// through the middleware.
func roundTrip(ctx context.Context, m *sessions.Manager) error {
	var b visitor
	const text = "a session of sessions check"
	if err := b.visit(ctx, m, func(s *sessions.Session) error { checked.Set(s, text); return s.Save(ctx) }); err != nil {
		return fmt.Errorf("create a session: %w", err)
	}
	read := b.visit(ctx, m, func(s *sessions.Session) error {
		if got, _ := checked.Get(s); got != text && s.Err() == nil {
			return errors.New("the next request does not find it")
		}
		return s.Err()
	})
	destroyed := b.visit(ctx, m, func(s *sessions.Session) error { return s.Destroy(ctx) })
	switch {
	case read != nil:
		return fmt.Errorf("read the session that was just created: %w", read)
	case destroyed != nil:
		return fmt.Errorf("destroy the session that was created, which remains: %w", destroyed)
	}
	return nil
}

// visitor is a client that stores its cookies, and a http.ResponseWriter.
type visitor struct {
	header  http.Header
	cookies []*http.Cookie
}

func (v *visitor) Header() http.Header         { return v.header }
func (v *visitor) Write(p []byte) (int, error) { return len(p), nil }
func (v *visitor) WriteHeader(int)             {}

func (v *visitor) visit(ctx context.Context, m *sessions.Manager, do func(*sessions.Session) error) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
	if err != nil {
		return err
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	v.header = make(http.Header)
	m.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		err = do(sessions.FromContext(r.Context()))
	})).ServeHTTP(v, r)
	if set := (&http.Response{Header: v.header}).Cookies(); len(set) > 0 {
		v.cookies = set
	}
	return err
}
