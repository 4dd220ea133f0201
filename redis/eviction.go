package redis

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// checkEviction logs a warning if a server may evict live sessions. Every value has a
// time to live, so the policies volatile-* affect them like allkeys-*. A server that
// does not let this user read its settings is not checked.
func (s *store) checkEviction() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var once sync.Once
	check := func(ctx context.Context, c *redis.Client) error {
		info, err := c.Info(ctx, "memory").Result()
		if err != nil {
			s.logger.Debug("sessions: reading the eviction policy of Redis failed", "error", err)
			return nil
		}
		if policy := evicts(info); policy != "" {
			once.Do(func() {
				s.logger.Warn("sessions: the Redis server may evict live sessions",
					"maxmemory-policy", policy)
			})
		}
		return nil
	}
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		if err := c.ForEachMaster(ctx, check); err != nil {
			s.logger.Debug("sessions: reading the eviction policy of Redis failed", "error", err)
		}
	case *redis.Client:
		_ = check(ctx, c)
	}
}

// evicts returns the eviction policy in the answer to INFO, if there is a memory limit
// and keys are evicted when it is reached.
func evicts(info string) string {
	var limit, policy string
	for line := range strings.Lines(info) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), ":"); name {
		case "maxmemory":
			limit = value
		case "maxmemory_policy":
			policy = value
		}
	}
	if limit == "0" || limit == "" || policy == "noeviction" {
		return ""
	}
	return policy
}
