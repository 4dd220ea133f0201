// Package memory stores sessions in the memory of the process. It is the
// default store, and the fastest.
//
// Use it in development, in tests, and in programs that run as a single process
// and may sign everybody out when they restart. To share sessions among processes,
// or to keep them over a restart, use another store.
//
//	import _ "github.com/pump-go/sessions/memory"
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "memory"})
//
// Each Open returns a new, empty store. Two managers never share sessions, even
// with the same namespace.
//
// # URL
//
//	memory:                 also memory://
//	memory:?max=100000      limits the number of sessions; see Options.MaxSessions
//
// Anything else is an error.
//
// # Limits
//
// There is no limit on the size of a session. Its owner has at most 255 bytes.
//
// A session uses the size of its data, rounded up to an allocator size class, and
// about 155 bytes more. An owner adds its size and about 100 bytes. Removed sessions
// are garbage-collected, but the maps that index them do not shrink.
//
// Expired sessions are removed in the background, in order of expiry and a few at
// a time, so the cost does not depend on the number of live sessions.
//
// # What can be lost
//
// All sessions are lost when the process ends or the manager is closed.
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
	// MaxSessions is the maximum number of records in the store; 0 means no limit.
	// The URL's max parameter overrides it. See ErrFull.
	MaxSessions int
}

// New returns a driver for sessions.Options.Driver. Its Open returns an error if
// the options or the URL are invalid.
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

// readURL sets the options given in the URL. It does not return url.Parse's
// error, which quotes the URL and with it a password.
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
