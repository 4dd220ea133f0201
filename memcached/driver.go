package memcached

import (
	"context"
	"errors"
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("memcached", New(nil, Options{})) }

// Options are the settings of the store; the zero value is the registered
// default.
type Options struct {
	// MaxItemSize is the servers' own limit for one item, in bytes: what their
	// -I says. 0 is memcached's default, 1 MiB. A session's data may have 512
	// bytes fewer. The max_item_size of a URL takes its place.
	MaxItemSize int
}

const (
	defaultItemSize = 1 << 20
	leastItemSize   = 1 << 10 // memcached takes no less
	mostItemSize    = 1 << 30 // nor more
)

// New returns a driver for sessions.Options.Driver that keeps sessions through
// client, which stays open when the manager is closed. Give it a selector made
// by NewSelector if it has more than one server, and read the package
// documentation's word on its Timeout and MaxIdleConns. With a nil client, the
// servers are those of sessions.Options.URL.
func New(client *memcache.Client, o Options) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		s, err := open(client, o, cfg.WithDefaults())
		if err != nil {
			return nil, fmt.Errorf("memcached: open: %w", err)
		}
		return s, nil
	})
}

func open(client *memcache.Client, o Options, cfg driver.Config) (*store, error) {
	s := &store{namespace: cfg.Namespace, now: cfg.Now}
	if client == nil {
		set, err := parseURL(cfg.URL)
		if err != nil {
			return nil, err
		}
		if s.server, err = dial(set); err != nil {
			return nil, err
		}
		if set.maxItemSize != 0 {
			o.MaxItemSize = set.maxItemSize
		}
	} else if cfg.URL != "" && cfg.URL != "memcached:" {
		return nil, errors.New("Options.URL names servers, and a client was given, which has its own")
	} else {
		s.server = newServer(client, false)
	}
	if o.MaxItemSize == 0 {
		o.MaxItemSize = defaultItemSize
	}
	if o.MaxItemSize < leastItemSize || o.MaxItemSize > mostItemSize {
		return nil, fmt.Errorf("MaxItemSize is %d; it must be from %d to %d bytes, or 0 for the default", o.MaxItemSize, leastItemSize, mostItemSize)
	}
	s.maxData = o.MaxItemSize - itemOverhead
	return s, nil
}
