package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkServer measures requests to net/http's server over persistent loopback
// connections: a session's cost in a whole request, most of which is the operating
// system's and the client's.
func BenchmarkServer(b *testing.B) {
	for _, l := range []lib{{"bare", bare}, {"pump", oursOn("memory", nil)}, {"scs", scsMemory}} {
		for _, w := range []work{untouched, read, write} {
			if l.name == "bare" && w != untouched {
				continue
			}
			b.Run("work="+string(w)+"/lib="+l.name, func(b *testing.B) {
				a := l.open(b)
				server := httptest.NewServer(a.handler(w))
				defer server.Close()
				loopParallel(b, func(pb *testing.PB) {
					c := newClient(b)
					c.send(a.handler(fill))
					conn := dial(b, server)
					defer conn.Close()
					n := 0
					for ; pb.Next(); n++ {
						conn.request(b, c.cookie())
					}
					if w == write {
						counted(b, a, c, n)
					}
				})
			})
		}
	}
}

// connection is a minimal client.
type connection struct {
	net.Conn
	r *bufio.Reader
}

func dial(b *testing.B, s *httptest.Server) *connection {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		b.Error(err)
		return nil
	}
	return &connection{c, bufio.NewReader(c)}
}

func (c *connection) request(b *testing.B, cookie string) {
	if _, err := c.get("/", cookie); err != nil {
		b.Error(err)
	}
}

// get sends a request, which must succeed, and returns the response's header.
func (c *connection) get(path, cookie string) (http.Header, error) {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nCookie: %s\r\n\r\n", path, cookie)
	if err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || string(answer) != string(body) {
		return nil, fmt.Errorf("status %d, %q, %v", res.StatusCode, answer, err)
	}
	return res.Header, nil
}
