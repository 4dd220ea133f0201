package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("redis", New(nil, Options{})) }

// Options are the settings of the store; the zero value is the registered default.
type Options struct {
	// WaitReplicas is the number of replicas that have to confirm a write before the
	// store returns. 0 means that it does not wait for any. The URL's wait overrides
	// it.
	WaitReplicas int
}

// keyspace is the beginning of every key.
const keyspace = "sessions:"

// New returns a driver for sessions.Options.Driver that stores sessions through
// client, which stays open when the manager is closed. If client is nil, the store makes
// one for sessions.Options.URL.
//
// The client must be a *redis.Client, which may be one for Sentinel, or a
// *redis.ClusterClient, with ContextTimeoutEnabled. It may not read from replicas or
// cache values. Its MaxRetries do not apply to the store's writes, which are sent once.
func New(client redis.UniversalClient, o Options) driver.Driver {
	return redisDriver{client, o}
}

type redisDriver struct {
	client  redis.UniversalClient
	options Options
}

// Schemes returns the schemes of Redis and Valkey, and that of Unix sockets.
func (redisDriver) Schemes() []string {
	return []string{"redis", "rediss", "valkey", "valkeys", "unix"}
}

func (d redisDriver) Open(_ context.Context, cfg driver.Config) (driver.Store, error) {
	s, err := open(d.client, d.options, cfg.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("redis: open: %w", err)
	}
	if _, single := s.client.(*redis.Client); single {
		return &renewer{store: s}, nil
	}
	return s, nil
}

func open(client redis.UniversalClient, o Options, cfg driver.Config) (*store, error) {
	release := func() error { return nil }
	if client == nil {
		set, err := parseURL(cfg.URL)
		if err != nil {
			return nil, err
		}
		if set.wait != 0 {
			o.WaitReplicas = set.wait
		}
		client = connect(set)
		release = client.Close
	} else {
		if cfg.URL != "" && !strings.EqualFold(cfg.URL, "redis:") {
			return nil, errors.New("Options.URL names a server, but a client was given, which has its own")
		}
		if err := check(client); err != nil {
			return nil, err
		}
	}
	if o.WaitReplicas < 0 {
		return nil, fmt.Errorf("WaitReplicas is %d; it must be 0 or more", o.WaitReplicas)
	}
	return &store{
		client: client, release: release, prefix: keyspace + cfg.Namespace + ":",
		now: cfg.Now, logger: cfg.Logger, waitReplicas: o.WaitReplicas,
	}, nil
}
