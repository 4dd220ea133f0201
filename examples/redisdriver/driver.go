// Package redisdriver keeps sessions in Redis, through
// github.com/redis/go-redis/v9. It is an example of a driver by a third party,
// to copy from: docs/writing-a-driver.md in the sessions module tells how it
// came about. It is complete all the same.
//
// Choose it if Redis is there already, several machines share sessions, and
// they are to be as fast as in memcached and yet outlast a restart.
//
//	import _ "github.com/pump-go/sessions/examples/redisdriver"
//
//	m, err := sessions.New(ctx, sessions.Options{URL: "redis://:password@10.0.0.1:6379/0"})
//
// # URLs
//
//	redis://[user:password@]host[:port][/number]     the number of a database, 0 if left out
//	rediss://…                                       the same over TLS; set Store to "redis"
//	unix://[user:password@]/path[?db=number]         a socket; set Store to "redis"
//
// The parameters are those of go-redis's ParseURL, such as read_timeout=2s or
// pool_size=50. MaxRetries is not yours to set, see New. A program with a client
// of its own, for Sentinel say, gives it to New.
//
// # How Redis has to be set up
//
//   - Redis 6.2 or later, one primary. Not Redis Cluster, where a session's keys
//     would be in different slots.
//   - appendonly yes. With snapshots alone, a crash brings back the sessions of
//     the last one, those that were signed out since among them. With it, a
//     crash of Redis loses nothing, and one of the machine a second of changes,
//     or none with appendfsync always.
//   - maxmemory-policy noeviction, which is the default, or one of volatile-*: no
//     key here has a time to live, so they evict none. Under allkeys-* Redis drops
//     sessions, and parts of the index: then Owned and DestroyOwned miss some.
//
// Redis replicates behind its answers, so a failover to a replica may lose what
// was acknowledged last: a change, or a logout.
//
// # Limits and layout
//
// A session's data may have 4 MiB. Expiry is decided by the program's clock; the
// store itself removes what has expired, and the server's clock does not matter.
// All keys begin with "sessions:", the namespace and a colon:
//
//	sessions:shop:4b3c…     a session, by Session.ID: a hash of version, expires,
//	                        owner and record
//	sessions:shop:index     a sorted set: the keys, and the owners with their keys
//	sessions:shop:expiry    a sorted set: the keys by when they expire
//
// A request that reads its session costs one command, one that changes it two.
// A call returns when its context is past its deadline; one whose context is
// merely cancelled, when the server has answered or read_timeout has passed.
package redisdriver

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("redis", New(nil)) }

// New returns a driver for sessions.Options.Driver that keeps sessions through
// client, which stays open when the manager is closed. With a nil client, the
// server is that of sessions.Options.URL.
//
// The client must have MaxRetries -1: a write that was sent twice and had run
// the first time would be taken for one that lost to another. It should have
// ContextTimeoutEnabled, or its ReadTimeout bounds a call in place of the
// call's deadline.
func New(client *redis.Client) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		s, err := open(client, cfg.WithDefaults())
		if err != nil {
			return nil, fmt.Errorf("redisdriver: open: %w", err)
		}
		return s, nil
	})
}

func open(client *redis.Client, cfg driver.Config) (*store, error) {
	release := func() error { return nil } // a client of the program's stays open
	if client == nil {
		options, err := parseURL(cfg.URL)
		if err != nil {
			return nil, err
		}
		client = redis.NewClient(options) // connects when it has something to ask
		release = client.Close
	} else if client.Options().MaxRetries != 0 { // go-redis makes 0 of -1
		return nil, errors.New("the client repeats commands; set its MaxRetries to -1")
	}
	s := &store{client: client, prefix: "sessions:" + cfg.Namespace + ":", now: cfg.Now, release: release}
	s.stop = driver.StartSweeper(cfg, s.Sweep)
	return s, nil
}

func parseURL(s string) (*redis.Options, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host+u.Path == "" {
		// Without the cause: it quotes the URL, password and all.
		return nil, errors.New("Options.URL must be like redis://user:password@host:6379/0")
	}
	options, err := redis.ParseURL(s)
	if err != nil {
		return nil, fmt.Errorf("Options.URL: %w", err)
	}
	options.MaxRetries = -1
	options.DialerRetries = 1 // a server that is down is told at once
	options.ContextTimeoutEnabled = true
	return options, nil
}
