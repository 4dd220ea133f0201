package journey

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

// Probes are handlers that a Site mounts beside the example's own, at GET /panic,
// /flush, /hijack and /deadline. They use the response that the router hands them.
type Probes struct {
	begin string        // what Flush writes first
	goOn  chan struct{} // the client has what was flushed
	errs  chan error    // what the handler met
}

func newProbes() *Probes {
	return &Probes{goOn: make(chan struct{}), errs: make(chan error, 1)}
}

const visits sessions.Key[int] = "visits" // the examples' own

func visit(r *http.Request) (*sessions.Session, int) {
	s := sessions.FromContext(r.Context())
	return s, visits.Update(s, func(n int) int { return n + 1 })
}

// Panic changes the session and panics.
func (p *Probes) Panic(_ http.ResponseWriter, r *http.Request) {
	visit(r)
	panic("the probe panics, as it should")
}

// Flush sends the header and what the test wants to begin with, then waits for
// the client, changes the session again and writes.
func (p *Probes) Flush(w http.ResponseWriter, r *http.Request) {
	visit(r)
	p.errs <- func() error {
		f, ok := w.(http.Flusher)
		if !ok {
			return errors.New("the router's response is no http.Flusher")
		}
		if p.begin != "" {
			if _, err := io.WriteString(w, p.begin); err != nil {
				return err
			}
		}
		f.Flush()
		select {
		case <-p.goOn:
		case <-time.After(patience):
			return errors.New("the client did not get the header that was flushed")
		}
		visit(r)
		_, err := io.WriteString(w, "the rest")
		return errors.Join(err, http.NewResponseController(w).Flush())
	}()
}

// Hijack takes the connection and speaks for itself.
func (p *Probes) Hijack(w http.ResponseWriter, r *http.Request) {
	visit(r)
	p.errs <- func() error {
		h, ok := w.(http.Hijacker)
		if !ok {
			return errors.New("the router's response is no http.Hijacker")
		}
		c, _, err := h.Hijack()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmine")
		return err
	}()
}

// Deadline moves the connection's deadline, as streams do.
func (p *Probes) Deadline(w http.ResponseWriter, r *http.Request) {
	visit(r)
	p.errs <- http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience))
}

// Flush: the header leaves when it is flushed, and the session was committed by
// then; what is changed later is saved too.
func Flush(t *testing.T, site Site) { flush(t, site, "") }

// FlushBody is Flush after a first piece of body.
func FlushBody(t *testing.T, site Site) { flush(t, site, "first, ") }

func flush(t *testing.T, site Site, begin string) {
	m, _ := Sessions(t, nil)
	p := newProbes()
	p.begin = begin
	b := NewBrowser(t, site(t, m, p))
	res, err := b.Client.Get(b.URL("/flush"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b.Token() == "" {
		t.Error("the header that was flushed has no cookie")
	}
	other := NewBrowser(t, b.URL(""))
	other.SetToken(b.Token())
	Expect(t, other.Get("/"), "visit 2.") // the flushed one is saved already

	close(p.goOn)
	if body, err := io.ReadAll(res.Body); string(body) != begin+"the rest" || err != nil {
		t.Errorf("body %q: %v", body, err)
	}
	if err := <-p.errs; err != nil {
		t.Error(err)
	}
	// The end of the body came before the end of the handler.
	for deadline := time.Now().Add(patience); ; {
		s, err := m.Load(t.Context(), b.Token())
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := visits.Get(s); n == 3 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d visits", n)
		}
		time.Sleep(time.Millisecond)
	}
}

// Hijack: a connection that is taken over, and the session saved before.
func Hijack(t *testing.T, site Site) {
	m, _ := Sessions(t, nil)
	p := newProbes()
	b := NewBrowser(t, site(t, m, p))
	b.Get("/")

	c, err := net.Dial("tcp", b.address.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET /hijack HTTP/1.1\r\nHost: "+b.address.Host+
		"\r\nCookie: "+cookieName+"="+b.Token()+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); string(body) != "mine" || err != nil {
		t.Errorf("body %q: %v", body, err)
	}
	if err := <-p.errs; err != nil {
		t.Error(err)
	}
	Expect(t, b.Get("/"), "visit 3.")
}

// Deadline: http.ResponseController finds its way to the server's connection.
func Deadline(t *testing.T, site Site) {
	m, _ := Sessions(t, nil)
	p := newProbes()
	b := NewBrowser(t, site(t, m, p))
	b.Get("/deadline")
	if err := <-p.errs; err != nil {
		t.Error(err)
	}
	Expect(t, b.Get("/"), "visit 2.")
}
