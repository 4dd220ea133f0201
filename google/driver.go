package google

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/datastore"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("google", New(nil, Options{})) }

// Options are the settings of the store. A URL parameter, given in parentheses,
// overrides the field. The zero value is the registered default.
type Options struct {
	// Namespace is the Datastore namespace of the sessions, at most 100 letters,
	// digits, dots, underscores and hyphens; by default there is none. It is the
	// same as sessions.Options.Namespace; only one of the two may be set.
	// (namespace=)
	Namespace string
	// Kind is the kind of the sessions' entities, "Session" by default. (kind=)
	Kind string
	// Timeout is the maximum duration of a call of the store if its context allows
	// more, from 1 millisecond to 1 minute; 10 seconds by default. (timeout=)
	Timeout time.Duration
	// TTL leaves the removal of expired sessions to a TTL policy on the kind's
	// property "expires", which is then not indexed. (ttl=yes)
	TTL bool
}

// New returns a driver for sessions.Options.Driver that stores sessions through
// client. The client must be made with [ClientOptions]; it stays open when the
// manager is closed. sessions.Options.URL must then be empty.
//
// If client is nil, the store makes one for the project and database in
// sessions.Options.URL.
func New(client *datastore.Client, o Options) driver.Driver {
	return driver.OpenFunc(func(ctx context.Context, cfg driver.Config) (driver.Store, error) {
		s, err := open(ctx, client, o, cfg.WithDefaults())
		if err != nil {
			return nil, fmt.Errorf("google: open: %w", err)
		}
		return s, nil
	})
}

func open(ctx context.Context, client *datastore.Client, o Options, cfg driver.Config) (*store, error) {
	set := settings{Options: o}
	if client == nil {
		var err error
		if set, err = parseURL(cfg.URL, o); err != nil {
			return nil, err
		}
	} else if cfg.URL != "" && cfg.URL != scheme {
		return nil, errors.New("Options.URL names a project, but a client was given, which has its own")
	}
	if err := set.validate(cfg.Namespace); err != nil {
		return nil, err
	}
	s := &store{cfg: cfg, settings: set, client: client, stop: func() {}}
	if client == nil {
		var err error
		if s.client, err = set.newClient(ctx); err != nil {
			return nil, err
		}
		s.ownClient = true
	} else if !hasInterceptor(ctx, client) {
		return nil, errors.New("the client was not made with google.ClientOptions; pass them to datastore.NewClient")
	}
	if !set.TTL {
		s.stop = driver.StartSweeper(cfg, s.Sweep)
	}
	return s, nil
}
