package redisdriver_test

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/examples/redisdriver"
)

// What no conformance suite can bring about: a server that is down, is started
// again, hangs, or is cut off in mid-answer.

func config(url string) driver.Config { return driver.Config{URL: url, SweepInterval: -1} }

func TestOutageAndRestart(t *testing.T) {
	server := startRedis(t, "--appendonly", "yes")
	site := open(t, sessions.Options{URL: server.url()})
	b := site.visitor(t)
	b.sees("/visit", "1")
	for n := range 3 {
		server.kill()
		b.fails("/visit")
		b.fails("/")
		server.start()
		b.sees("/visit", string(rune('2'+n))) // no visit is lost, and no user
	}
}

func TestTheServerMayComeLater(t *testing.T) {
	server := startRedis(t)
	server.kill()
	b := open(t, sessions.Options{URL: server.url()}).visitor(t)
	b.fails("/visit")
	server.start()
	b.sees("/visit", "1")
}

// lossy is a way to the server on which answers can be lost: the command
// arrives and is carried out, and then the connection breaks.
type lossy struct {
	net.Listener
	lose atomic.Bool // the next answer, and its connection
}

func startLossy(t *testing.T, to string) *lossy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p := &lossy{Listener: l}
	go func() {
		for {
			c, err := p.Accept()
			if err != nil {
				return
			}
			go p.connect(c, to)
		}
	}()
	return p
}

func (p *lossy) connect(c net.Conn, to string) {
	defer c.Close()
	back, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer back.Close()
	go func() { _, _ = io.Copy(back, c); back.Close() }()
	for answer := make([]byte, 64<<10); ; {
		n, err := back.Read(answer)
		if err != nil || p.lose.CompareAndSwap(true, false) {
			return
		}
		if _, err := c.Write(answer[:n]); err != nil {
			return
		}
	}
}

// Rule 2. A client that sends the write again would be told that the version
// has moved on, by its own first try.
func TestALostAnswerIsNoConflict(t *testing.T) {
	way := startLossy(t, startRedis(t).addr)
	s, err := redisdriver.New(nil).Open(t.Context(), config("redis://"+way.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := driver.MillisOf(time.Now())
	rec := driver.Record{Data: []byte("one"), Version: 1, Created: now, Accessed: now, Expires: now + 60_000}
	if err := s.Save(t.Context(), driver.Key{}, 0, rec); err != nil {
		t.Fatal(err)
	}
	rec.Data, rec.Version = []byte("two"), 2
	way.lose.Store(true)
	err = s.Save(t.Context(), driver.Key{}, 1, rec)
	if err == nil || errors.Is(err, driver.ErrConflict) {
		t.Errorf("a Save whose answer was lost: %v, want an error that is no conflict", err)
	}
	if rec, err := s.Load(t.Context(), driver.Key{}); err != nil || string(rec.Data) != "two" {
		t.Errorf("after it: %q, %v", rec.Data, err)
	}
	way.lose.Store(true)
	err = s.Delete(t.Context(), driver.Key{}, 2)
	if err == nil || errors.Is(err, driver.ErrConflict) {
		t.Errorf("a Delete whose answer was lost: %v, want an error that is no conflict", err)
	}
}

// And so the manager finds out what came of it: the visit counts once.
func TestALostAnswerCountsOnce(t *testing.T) {
	way := startLossy(t, startRedis(t).addr)
	site := open(t, sessions.Options{URL: "redis://" + way.Addr().String()})
	b := site.visitor(t)
	b.sees("/visit", "1")
	s, err := site.Load(t.Context(), b.token())
	if err != nil {
		t.Fatal(err)
	}
	visits.Update(s, func(n int) int { return n + 1 })
	way.lose.Store(true)
	if err := s.Save(t.Context()); err != nil {
		t.Error(err)
	}
	b.sees("/", "2")
}
