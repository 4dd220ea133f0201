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

// Options are the settings of the store beside the URL. What a URL says, in
// the parameter named with each field, takes a field's place. The zero value
// is the registered default.
type Options struct {
	// Namespace is the Datastore namespace of the sessions, none by default: at
	// most 100 letters, digits, dots, underscores and hyphens. It goes in place
	// of sessions.Options.Namespace; only one of the two may be set.
	// (namespace=)
	Namespace string
	// Kind is the kind of the sessions' entities, "Session" by default.
	// (kind=)
	Kind string
	// Timeout is how long a call of the store may take where its context
	// allows more, 10 seconds by default. (timeout=)
	Timeout time.Duration
	// TTL leaves the removal of expired sessions to a TTL policy on the kind's
	// property "expires", which is then not indexed. (ttl=yes)
	TTL bool
}

// New returns a driver for sessions.Options.Driver that keeps sessions through
// client, which stays open when the manager is closed. Make the client with
// [ClientOptions], so that a session is saved in one call rather than three.
// sessions.Options.URL is then empty.
//
// With a nil client, the store makes one for the project and database that
// sessions.Options.URL names.
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
	at := place{Options: o}
	if client == nil {
		var err error
		if at, err = parseURL(cfg.URL, o); err != nil {
			return nil, err
		}
	} else if cfg.URL != "" && cfg.URL != scheme {
		return nil, errors.New("Options.URL names a project, and a client was given, which has its own")
	}
	if err := at.check(cfg.Namespace); err != nil {
		return nil, err
	}
	s := &store{cfg: cfg, at: at, client: client, turns: newTurns()}
	if client == nil {
		var err error
		if s.client, err = at.dial(ctx); err != nil {
			return nil, err
		}
		s.ours = true
	}
	s.stop = func() {}
	if !at.TTL {
		s.stop = driver.StartSweeper(cfg, s.Sweep)
	}
	return s, nil
}
