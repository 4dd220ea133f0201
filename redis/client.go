package redis

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// connect makes a client. It connects to the servers when it is used.
func connect(set settings) redis.UniversalClient {
	const noRetries, oneDial = -1, 1 // fail at once if the server is down
	switch {
	case set.master != "":
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: set.master, SentinelAddrs: set.servers,
			SentinelUsername: set.sentinelUsername, SentinelPassword: set.sentinelPassword,
			Username: set.username, Password: set.password, DB: set.database, TLSConfig: set.tls,
			MaxRetries: noRetries, DialerRetries: oneDial, ContextTimeoutEnabled: true, PoolSize: set.poolSize,
			DialTimeout: set.timeout, ReadTimeout: set.timeout, WriteTimeout: set.timeout,
		})
	case set.cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs:    set.servers,
			Username: set.username, Password: set.password, TLSConfig: set.tls,
			MaxRetries: noRetries, DialerRetries: oneDial, ContextTimeoutEnabled: true, PoolSize: set.poolSize,
			DialTimeout: set.timeout, ReadTimeout: set.timeout, WriteTimeout: set.timeout,
			DisableRoutingPolicies:   true, // every command has one key
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
	}
	network := "tcp"
	if set.socket {
		network = "unix"
	}
	return redis.NewClient(&redis.Options{
		Network: network, Addr: set.servers[0],
		Username: set.username, Password: set.password, DB: set.database, TLSConfig: set.tls,
		MaxRetries: noRetries, DialerRetries: oneDial, ContextTimeoutEnabled: true, PoolSize: set.poolSize,
		DialTimeout: set.timeout, ReadTimeout: set.timeout, WriteTimeout: set.timeout,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// check returns an error if the program's client cannot keep the driver's contract. Its
// retries do not matter; see once.
func check(client redis.UniversalClient) error {
	var contextTimeout bool
	switch c := client.(type) {
	case *redis.Client:
		o := c.Options()
		contextTimeout = o.ContextTimeoutEnabled
		if o.ClientSideCache != nil || o.ClientSideCacheConfig != nil {
			return errors.New("the client caches values, so it may return those of sessions that have ended; use one without ClientSideCache")
		}
	case *redis.ClusterClient:
		o := c.Options()
		contextTimeout = o.ContextTimeoutEnabled
		if o.ReadOnly {
			return errors.New("the client reads from replicas, which may be behind; use one without ReadOnly, RouteByLatency and RouteRandomly")
		}
	default:
		return fmt.Errorf("the client is a %T; it must be a *redis.Client or a *redis.ClusterClient", client)
	}
	if !contextTimeout {
		return errors.New("the client ignores the deadlines of contexts; set ContextTimeoutEnabled in its options")
	}
	return nil
}
