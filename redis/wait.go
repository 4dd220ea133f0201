package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// maxWait is how long a write waits for replicas at most. It is half of the time until
// the context's deadline if that is less.
const maxWait = time.Second

// errUnconfirmed is returned for a write that too few replicas have confirmed in time.
var errUnconfirmed = errors.New("the write is not confirmed by enough replicas")

// sendAndWait sends a command, and WAIT on the same connection, in one round trip: WAIT
// is about the writes of its connection. A ClusterClient follows redirections of
// single commands only, so sendAndWait follows them itself.
func (s *store) sendAndWait(ctx context.Context, key string, args []any) (any, error) {
	node, err := s.nodeOf(ctx, key)
	if err != nil {
		return nil, err
	}
	timeout := maxWait
	if end, ok := ctx.Deadline(); ok {
		timeout = max(min(timeout, time.Until(end)/2), time.Millisecond)
	}
	asking := false
	for redirections := 0; ; redirections++ {
		cmd := once{redis.NewCmd(ctx, args...)}
		wait := redis.NewIntCmd(ctx, "wait", s.waitReplicas, timeout.Milliseconds())
		_, _ = node.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
			if asking {
				_ = p.Process(ctx, redis.NewCmd(ctx, "asking"))
			}
			_ = p.Process(ctx, cmd)
			return p.Process(ctx, wait)
		})
		value, err := cmd.Result()
		addr, ask := redirection(err)
		switch {
		case addr != "" && redirections < maxRedirections:
			asking = ask
			if node, err = s.masterAt(ctx, addr); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		case wait.Err() != nil:
			return nil, fmt.Errorf("%w: %w", errUnconfirmed, wait.Err())
		case wait.Val() < int64(s.waitReplicas):
			s.warnUnconfirmed(wait.Val())
			return nil, fmt.Errorf("%w: %d of %d in %v", errUnconfirmed, wait.Val(), s.waitReplicas, timeout)
		}
		return value, nil
	}
}

const maxRedirections = 3

// redirection returns the address in the errors "MOVED slot addr" and "ASK slot addr".
func redirection(err error) (addr string, ask bool) {
	ask = redis.HasErrorPrefix(err, "ASK ")
	if !ask && !redis.HasErrorPrefix(err, "MOVED ") {
		return "", false
	}
	words := strings.Fields(err.Error())
	return words[len(words)-1], ask
}

// nodeOf returns the master of a key.
func (s *store) nodeOf(ctx context.Context, key string) (*redis.Client, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, key)
	}
	return s.client.(*redis.Client), nil // check and connect allow no other
}

// masterAt returns the master of a Cluster at an address.
func (s *store) masterAt(ctx context.Context, addr string) (*redis.Client, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return nil, fmt.Errorf("%w: the server redirects to %s", errNoCluster, addr)
	}
	cluster.ReloadState(ctx)
	var mu sync.Mutex
	var node *redis.Client
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Options().Addr == addr {
			node = c
		}
		return nil
	})
	if err == nil && node == nil {
		err = fmt.Errorf("no master at %s is known", addr)
	}
	return node, err
}

// warnUnconfirmed logs at most once a minute: the manager finds the write, and reports
// no error to anybody.
func (s *store) warnUnconfirmed(confirmed int64) {
	now := time.Now().UnixNano()
	last := s.lastWarning.Load()
	if now-last > int64(time.Minute) && s.lastWarning.CompareAndSwap(last, now) {
		s.logger.Warn("sessions: a write was not confirmed by enough replicas", "confirmed", confirmed, "wanted", s.waitReplicas)
	}
}
