package main

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v3"

	"github.com/pump-go/sessions"
)

// withSession gives the handlers after it their session, in c.Context(). Fiber
// keeps an answer until all handlers have returned: the session is committed
// then, and the answer leaves with its cookie. If that fails, the error page
// takes the answer's place.
func withSession(m *sessions.Manager) fiber.Handler {
	return func(c fiber.Ctx) error {
		r, err := request(c)
		if err != nil {
			return fiber.ErrBadRequest
		}
		a := newAnswer(c)
		defer a.giveBack() // after a panic too: what was saved before it may need a cookie
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.SetContext(r.Context())
			if err := c.Next(); err != nil {
				// Here, and not further out, so that this answer, too, waits for the commit.
				_ = c.App().ErrorHandler(c, err)
			}
			a.read()
			_, a.failed = w.Write(nil) // commits
		})).ServeHTTP(a, r)
		return nil
	}
}

// request is Fiber's request as far as sessions, and their ErrorHandler, look at
// it. It is a copy, as Fiber uses its memory again: adaptor.ConvertRequest's
// would not outlive the handler.
func request(c fiber.Ctx) (*http.Request, error) {
	r, err := http.NewRequestWithContext(c.Context(), strings.Clone(c.Method()), strings.Clone(c.OriginalURL()), nil)
	if err != nil {
		return nil, err
	}
	r.Host, r.RemoteAddr = strings.Clone(c.Host()), c.RequestCtx().RemoteAddr().String()
	for name, value := range c.Request().Header.All() {
		r.Header.Add(string(name), string(value))
	}
	return r, nil
}

// answer is Fiber's answer as an http.ResponseWriter. What is written to it is
// the error page, and nothing else.
type answer struct {
	c           fiber.Ctx
	fiber, ours http.Header
	status      int
	page        bytes.Buffer
	failed      error
}

func newAnswer(c fiber.Ctx) *answer { return &answer{c: c, ours: make(http.Header)} }

func (a *answer) Header() http.Header         { return a.ours }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.page.Write(b) }

// read takes over the fields that Fiber's answer has, for the sessions to add
// theirs, and for the error page to do without some.
func (a *answer) read() {
	for name, value := range a.c.Response().Header.All() {
		a.ours.Add(string(name), string(value))
	}
	a.fiber = a.ours.Clone()
}

// giveBack brings Fiber's answer to what became of it.
func (a *answer) giveBack() {
	res := a.c.Response()
	if a.failed != nil {
		res.SetStatusCode(cmp.Or(a.status, http.StatusOK))
		res.SetBody(a.page.Bytes())
	}
	for name := range a.fiber {
		if a.ours[name] == nil {
			res.Header.Del(name)
		}
	}
	for name, values := range a.ours {
		if slices.Equal(values, a.fiber[name]) {
			continue
		}
		res.Header.Del(name)
		for _, v := range values {
			res.Header.Add(name, v)
		}
	}
}
