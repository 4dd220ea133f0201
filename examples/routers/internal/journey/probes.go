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

// Probes are handlers that a Site mounts in addition to the example's, at GET /panic,
// /flush, /hijack and /deadline. They use the response that the router passes them.
type Probes struct {
	begin string        // what the flush probe writes first
	goOn  chan struct{} // receives when the client has read what was flushed
	errs  chan error    // the probe's error
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

// Flush sends the header and begin, waits for the client, then changes the session
// again and writes.
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
		case <-time.After(timeout):
			return errors.New("the client did not get the header that was flushed")
		}
		visit(r)
		_, err := io.WriteString(w, "the rest")
		return errors.Join(err, http.NewResponseController(w).Flush())
	}()
}

// Hijack takes over the connection and writes the response itself.
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
		if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmine")
		return err
	}()
}

// Deadline sets the connection's deadline, as streams do.
func (p *Probes) Deadline(w http.ResponseWriter, r *http.Request) {
	visit(r)
	p.errs <- http.NewResponseController(w).SetWriteDeadline(time.Now().Add(timeout))
}

// Flush: Flush commits the session and sends the header; later changes are saved too.
func Flush(t *testing.T, site Site) { flush(t, site, "") }

// FlushBody is like Flush, after a first part of the body.
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
		t.Error("the flushed header has no cookie")
	}
	other := NewBrowser(t, b.URL(""))
	other.SetToken(b.Token())
	Expect(t, other.Get("/"), "visit 2.") // the flushed change is saved

	close(p.goOn)
	if body, err := io.ReadAll(res.Body); string(body) != begin+"the rest" || err != nil {
		t.Errorf("body %q: %v", body, err)
	}
	if err := <-p.errs; err != nil {
		t.Error(err)
	}
	// The body may end before the handler returns.
	for deadline := time.Now().Add(timeout); ; {
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

// Hijack: the session is saved before the connection is hijacked.
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
	if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
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

// Deadline: http.ResponseController reaches the server's connection.
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
