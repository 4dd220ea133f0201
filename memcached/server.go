package memcached

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions/driver"
)

// server is the servers as the store sees them: single commands, each of which
// ends with its context and answers in the contract's errors.
type server struct {
	client  *memcache.Client
	ours    bool           // the client was made here
	longest time.Duration  // what a command takes until the client gives it up
	late    sync.WaitGroup // commands that may outlive their calls
}

func newServer(client *memcache.Client, ours bool) *server {
	timeout := client.Timeout
	if timeout == 0 {
		timeout = memcache.DefaultTimeout
	}
	return &server{client: client, ours: ours, longest: 2 * timeout} // to connect, and to be answered
}

// errMoved: the item is not the one that the CAS id was for.
var errMoved = errors.New("the item was written meanwhile")

// errOther: the connection is out of step.
var errOther = errors.New("the server answered for another key")

// dial makes a client. It connects when it has something to ask.
func dial(set settings) (*server, error) {
	selector, err := newSelector(set.servers)
	if err != nil {
		return nil, err
	}
	client := memcache.NewFromSelector(selector)
	client.Timeout, client.MaxIdleConns = set.timeout, set.maxIdle
	return newServer(client, true), nil
}

// get fetches an item, ErrNotFound if there is none. A connection that broke
// while it was idle is only noticed in use; reading may then be tried again.
func (s *server) get(ctx context.Context, name string) (*memcache.Item, error) {
	const tries = 3
	for try := 1; ; try++ {
		item, err := within(ctx, s, func() (*memcache.Item, error) { return s.client.Get(name) })
		switch {
		case err == nil && item.Key != name:
			err = errOther
		case err == nil:
			return item, nil
		case errors.Is(err, memcache.ErrCacheMiss):
			return nil, driver.ErrNotFound
		}
		if !s.broken(err) || try == tries {
			return nil, failed(ctx, err)
		}
	}
}

// add stores an item where there is none, else ErrConflict.
func (s *server) add(ctx context.Context, item *memcache.Item) error {
	return s.write(ctx, func() error { return s.client.Add(item) })
}

// swap replaces the item that has the CAS id. ErrConflict: there is no item;
// errMoved: it has another.
func (s *server) swap(ctx context.Context, item *memcache.Item) error {
	return s.write(ctx, func() error { return s.client.CompareAndSwap(item) })
}

// delete removes an item if it is there.
func (s *server) delete(ctx context.Context, name string) error {
	err := s.write(ctx, func() error { return s.client.Delete(name) })
	if errors.Is(err, driver.ErrConflict) {
		return nil
	}
	return err
}

// write sends a command that changes something, once: it may have run whatever
// the answer.
func (s *server) write(ctx context.Context, command func() error) error {
	_, err := within(ctx, s, func() (struct{}, error) { return struct{}{}, command() })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, memcache.ErrCASConflict):
		return errMoved
	case errors.Is(err, memcache.ErrNotStored), errors.Is(err, memcache.ErrCacheMiss):
		return driver.ErrConflict
	case strings.Contains(err.Error(), "SERVER_ERROR object too large"):
		return fmt.Errorf("%w: %w (the servers' -I is less than MaxItemSize)", driver.ErrTooLarge, err)
	}
	s.broken(err)
	return failed(ctx, err)
}

// broken tells that the connection was lost or is out of step, rather than that
// the server is slow or cannot be reached. Then the idle ones are most likely
// lost too, as after a restart, and are dropped.
func (s *server) broken(err error) bool {
	var on *net.OpError
	lost := errors.As(err, &on) && on.Op != "dial" && !on.Timeout()
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, errOther} {
		lost = lost || errors.Is(err, end)
	}
	if !lost {
		return false
	}
	_ = s.client.Close() // its idle connections; it goes on with new ones
	return true
}

// close waits for the commands that nobody waits for any more.
func (s *server) close() error {
	s.late.Wait()
	if !s.ours {
		return nil
	}
	return s.client.Close()
}
