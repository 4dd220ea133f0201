package main

import (
	"bytes"
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/pump-go/sessions"
)

// withSession adds the session to c.UserContext(). Fiber keeps the response until all
// handlers have returned. Then the session is committed, and the response is sent
// with its cookie. If the commit fails, the error page replaces the response.
func withSession(m *sessions.Manager) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r, err := request(c)
		if err != nil {
			return fiber.ErrBadRequest
		}
		a := newAnswer(c)
		defer a.giveBack() // also after a panic: an earlier Save may need a cookie
		m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.SetUserContext(r.Context())
			if err := c.Next(); err != nil {
				// Here and not in outer middleware, so that this response is sent after the commit too.
				_ = c.App().ErrorHandler(c, err)
			}
			a.read()
			_, a.failed = w.Write(nil) // commits
		})).ServeHTTP(a, r)
		return nil
	}
}

// request returns Fiber's request with the parts that sessions and the ErrorHandler
// use. It is a copy, since Fiber reuses its memory: the result of
// adaptor.ConvertRequest is invalid after the handler.
func request(c *fiber.Ctx) (*http.Request, error) {
	r, err := http.NewRequestWithContext(c.UserContext(), strings.Clone(c.Method()), strings.Clone(c.OriginalURL()), nil)
	if err != nil {
		return nil, err
	}
	r.Host, r.RemoteAddr = strings.Clone(c.Hostname()), c.Context().RemoteAddr().String()
	addAll(r.Header, c.GetReqHeaders())
	return r, nil
}

// addAll copies Fiber's header fields.
func addAll(to http.Header, from map[string][]string) {
	for name, values := range from {
		for _, v := range values {
			to.Add(strings.Clone(name), strings.Clone(v))
		}
	}
}

// answer is Fiber's response as an http.ResponseWriter. Only the error page is written
// to it.
type answer struct {
	c           *fiber.Ctx
	fiber, ours http.Header
	status      int
	page        bytes.Buffer
	failed      error
}

func newAnswer(c *fiber.Ctx) *answer { return &answer{c: c, ours: make(http.Header)} }

func (a *answer) Header() http.Header         { return a.ours }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.page.Write(b) }

// read copies the header fields of Fiber's response, so that sessions can add theirs
// and the error page can remove some.
func (a *answer) read() {
	addAll(a.ours, a.c.GetRespHeaders())
	a.fiber = a.ours.Clone()
}

// giveBack copies the result to Fiber's response.
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
