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
	// MaxItemSize is the servers' size limit for an item in bytes, as set with
	// their -I option. A session's data can be 512 bytes smaller. 0 means
	// memcached's default, 1 MiB. The URL's max_item_size overrides it.
	MaxItemSize int
}

const (
	defaultItemSize = 1 << 20
	minItemSize     = 1 << 10 // memcached's own bounds for -I
	maxItemSize     = 1 << 30
)

// New returns a driver for sessions.Options.Driver that stores sessions through
// client, which stays open when the manager is closed. A client with several servers
// should have a selector made by NewSelector. See the package documentation about its
// Timeout and MaxIdleConns. If client is nil, the store makes one for the servers in
// sessions.Options.URL.
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
		if s.server, err = connect(set); err != nil {
			return nil, err
		}
		if set.maxItemSize != 0 {
			o.MaxItemSize = set.maxItemSize
		}
	} else if cfg.URL != "" && cfg.URL != "memcached:" {
		return nil, errors.New("Options.URL names servers, but a client was given, which has its own")
	} else {
		s.server = newServer(client, false)
	}
	if o.MaxItemSize == 0 {
		o.MaxItemSize = defaultItemSize
	}
	if o.MaxItemSize < minItemSize || o.MaxItemSize > maxItemSize {
		return nil, fmt.Errorf("MaxItemSize is %d; it must be from %d to %d bytes, or 0 for the default", o.MaxItemSize, minItemSize, maxItemSize)
	}
	s.maxData = o.MaxItemSize - itemOverhead
	return s, nil
}
