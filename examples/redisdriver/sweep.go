package redisdriver

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

// Sweep removes the sessions that have expired. Those that look so in the index
// are removed one by one, if there is no live session at the key by then.
func (s *store) Sweep(ctx context.Context) (removed int, err error) {
	for progress := true; progress && err == nil; {
		err = s.call(ctx, "sweep", func() error {
			keys, err := s.client.ZRangeArgs(ctx, redis.ZRangeArgs{
				Key: s.expiry(), ByScore: true, Start: "-inf", Stop: s.now().UnixMilli(), Count: page,
			}).Result()
			progress = false
			for _, key := range keys {
				n, err := s.run(ctx, keyOf(key), "0")
				switch {
				case err == nil:
					removed, progress = removed+n, true
				case !errors.Is(err, driver.ErrConflict):
					return err
				}
			}
			return err
		})
	}
	return removed, err
}
