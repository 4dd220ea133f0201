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

// server sends single commands to the servers. They end with their context and
// return the errors of package driver.
type server struct {
	client      *memcache.Client
	ownClient   bool           // close closes the client
	maxDuration time.Duration  // of a command, by the client's timeout
	background  sync.WaitGroup // commands that may outlive their calls
}

func newServer(client *memcache.Client, ownClient bool) *server {
	timeout := client.Timeout
	if timeout == 0 {
		timeout = memcache.DefaultTimeout
	}
	return &server{client: client, ownClient: ownClient, maxDuration: 2 * timeout} // to connect, and to get an answer
}

// errChanged is returned when the item's CAS ID is another.
var errChanged = errors.New("the item has changed")

// errWrongKey is returned when requests and answers on a connection do not match.
var errWrongKey = errors.New("the server answered for another key")

// connect makes a client. It connects to the servers when it is used.
func connect(set settings) (*server, error) {
	selector, err := newSelector(set.servers)
	if err != nil {
		return nil, err
	}
	client := memcache.NewFromSelector(selector)
	client.Timeout, client.MaxIdleConns = set.timeout, set.maxIdle
	return newServer(client, true), nil
}

// get returns an item, or ErrNotFound. It retries on a broken connection, since a
// connection that broke while it was idle is noticed only in use.
func (s *server) get(ctx context.Context, key string) (*memcache.Item, error) {
	const tries = 3
	for try := 1; ; try++ {
		item, err := withContext(ctx, s, func() (*memcache.Item, error) { return s.client.Get(key) })
		switch {
		case err == nil && item.Key != key:
			err = errWrongKey
		case err == nil:
			return item, nil
		case errors.Is(err, memcache.ErrCacheMiss):
			return nil, driver.ErrNotFound
		}
		if !s.dropBroken(err) || try == tries {
			return nil, withContextErr(ctx, err)
		}
	}
}

// add stores an item. It returns ErrConflict if there is one with the key.
func (s *server) add(ctx context.Context, item *memcache.Item) error {
	return s.write(ctx, func() error { return s.client.Add(item) })
}

// compareAndSwap replaces the item with the same CAS ID. It returns ErrConflict if
// there is no item, and errChanged if it has another CAS ID.
func (s *server) compareAndSwap(ctx context.Context, item *memcache.Item) error {
	return s.write(ctx, func() error { return s.client.CompareAndSwap(item) })
}

// delete removes an item, if there is one.
func (s *server) delete(ctx context.Context, key string) error {
	err := s.write(ctx, func() error { return s.client.Delete(key) })
	if errors.Is(err, driver.ErrConflict) {
		return nil
	}
	return err
}

// write sends a command that changes something. It never retries: even after an error
// the command may have been executed.
func (s *server) write(ctx context.Context, command func() error) error {
	_, err := withContext(ctx, s, func() (struct{}, error) { return struct{}{}, command() })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, memcache.ErrCASConflict):
		return errChanged
	case errors.Is(err, memcache.ErrNotStored), errors.Is(err, memcache.ErrCacheMiss):
		return driver.ErrConflict
	case strings.Contains(err.Error(), "SERVER_ERROR object too large"):
		return fmt.Errorf("%w: %w (the servers' -I is less than MaxItemSize)", driver.ErrTooLarge, err)
	}
	s.dropBroken(err)
	return withContextErr(ctx, err)
}

// dropBroken reports whether err is that of a broken connection, and not of a server
// that is slow or cannot be reached. If so, it closes the idle connections, which are
// most likely broken too, as after a restart.
func (s *server) dropBroken(err error) bool {
	var op *net.OpError
	broken := errors.As(err, &op) && op.Op != "dial" && !op.Timeout()
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, errWrongKey} {
		broken = broken || errors.Is(err, end)
	}
	if !broken {
		return false
	}
	_ = s.client.Close() // closes idle connections; the client stays usable
	return true
}

// close waits for the commands in the background.
func (s *server) close() error {
	s.background.Wait()
	if !s.ownClient {
		return nil
	}
	return s.client.Close()
}
