package main

import (
	"context"
	"errors"
	"iter"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pump-go/sessions/driver"
)

// The server accepts connections and never responds.
func TestUnresponsiveServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := env{"SESSIONS_STORE": "database", "SESSIONS_URL": "postgresql://app@" + l.Addr().String() + "/app?sslmode=disable"}
	at.run(t, "list", "-wait", "100ms").expect(t, exitFailed, "cannot be read", "deadline exceeded")
}

// pausing is a store whose listing pauses.
type pausing struct {
	driver.Store
	pauses []time.Duration
}

func (p *pausing) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for _, pause := range p.pauses {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				yield(driver.Entry{}, ctx.Err())
				return
			}
			if !yield(driver.Entry{}, nil) {
				return
			}
		}
	}
}

func TestListingTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		pauses []time.Duration
		n      int
		err    error
	}{
		"slow":   {[]time.Duration{29 * time.Second, 29 * time.Second, 29 * time.Second}, 3, nil},
		"silent": {[]time.Duration{time.Second, time.Hour, time.Second}, 1, errSilent},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &opened{Store: &pausing{pauses: c.pauses}, wait: 30 * time.Second}
			list, err := s.all(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for _, e := range list {
				if err = e; err == nil {
					n++
				}
				time.Sleep(time.Minute) // the reader's time does not count
			}
			if n != c.n || !errors.Is(err, c.err) {
				t.Errorf("%s: %d sessions, then %v; want %d and %v", name, n, err, c.n, c.err)
			}
		})
	}
}
