//go:build unix

package redisdriver_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/pump-go/sessions"
)

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	for (sig == syscall.SIGCONT) != s.answers() {
		time.Sleep(time.Millisecond)
	}
}

func TestHang(t *testing.T) {
	server := startRedis(t)
	site := open(t, sessions.Options{URL: server.url(), StoreTimeout: 300 * time.Millisecond})
	b := site.visitor(t)
	b.sees("/visit", "1")
	server.signal(syscall.SIGSTOP)
	for range 3 { // on the connection that there was, and on new ones
		began := time.Now()
		b.fails("/visit")
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the error page took %v, with a StoreTimeout of 300 ms", took)
		}
	}
	server.signal(syscall.SIGCONT)
	b.sees("/visit", "2") // the load failed before, so nothing was counted
}
