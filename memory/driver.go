// Package memory keeps sessions in the memory of the process: the quickest
// store, and the default.
//
// Choose it for development, tests, and programs that run as one process and
// may forget everybody at a restart. Several processes do not share it; choose
// file, dbm, database, memcached, google or cookie for those.
//
//	import _ "github.com/pump-go/sessions/memory"
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "memory"})
//
// Each Open makes a store of its own, empty and private: two managers never
// see each other's sessions, whatever their namespaces.
//
// # URLs
//
//	memory:                 also memory://
//	memory:?max=100000      at most so many sessions; see Options.MaxSessions
//
// Anything else in the URL is an error.
//
// # Limits and memory
//
// A session may be of any size; its owner is at most 255 bytes. A session
// takes its data, rounded up to one of the allocator's sizes, and about 155
// bytes more; one with an owner, the owner and some 100 bytes more. Removed
// sessions are given back to the garbage collector, the tables that named them
// are kept for the sessions to come.
//
// Expired sessions are removed in the background in order of expiry, a few at
// a time, so the cost does not grow with the sessions that are alive.
package memory

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("memory", New(Options{})) }

// Options are the settings of the store; the zero value is the registered
// default.
type Options struct {
	// MaxSessions is how many sessions the store holds at most, and 0 means as
	// many as come. The max of a URL takes its place. See ErrFull for what
	// happens at the limit.
	MaxSessions int
}

// New returns a driver for sessions.Options.Driver. Its Open fails if the
// options or the URL are at fault.
func New(o Options) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		o := o
		if o.MaxSessions < 0 {
			return nil, fmt.Errorf("memory: open: MaxSessions is %d; it must be 0 for no limit, or more", o.MaxSessions)
		}
		if cfg.URL != "" {
			if err := o.readURL(cfg.URL); err != nil {
				return nil, fmt.Errorf("memory: open: %w", err)
			}
		}
		return newStore(cfg.WithDefaults(), o), nil
	})
}

var errURL = errors.New(`Options.URL must be "memory:", alone or with "?max=" and a number of sessions`)

// readURL sets what the URL says. What url.Parse complains of is not passed
// on: it quotes the URL.
func (o *Options) readURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "memory" || u.Opaque+u.Host+u.Path+u.Fragment != "" || u.User != nil {
		return errURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errURL
	}
	for name, values := range query {
		if name != "max" {
			return fmt.Errorf("Options.URL has the unknown parameter %.40q; the only one is max", name)
		}
		n, err := strconv.Atoi(values[0])
		if err != nil || n < 1 || len(values) > 1 {
			return errors.New("max in Options.URL must be one whole number, 1 or more")
		}
		o.MaxSessions = n
	}
	return nil
}
