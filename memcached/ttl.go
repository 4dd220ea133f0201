package memcached

import (
	"math"
	"time"

	"github.com/pump-go/sessions/driver"
)

// memcached's exptime, in seconds: 0 means never, a negative number immediately, up to
// 30 days a delay from now, and more a Unix time by the server's clock.
const (
	never       = 0
	immediately = -1
	maxDelay    = 30 * 24 * 60 * 60
)

// Config.Now decides whether a record has expired; the server only frees memory. It
// must never remove a record early, so the slack allows for its counting in whole
// seconds and, with Unix times, for differing clocks.
const (
	delaySlack    = 60
	unixTimeSlack = 24 * 60 * 60
)

// expiration returns the exptime of a record. now is the time of Config.Now, and wall
// that of the machine's clock, which stands in for the server's.
func expiration(expires, now driver.Millis, wall time.Time) int32 {
	if expires <= now {
		return immediately
	}
	seconds := int64(expires/1000) - int64(now/1000) + 1 + delaySlack
	if seconds <= maxDelay {
		return int32(seconds)
	}
	date := wall.Unix() + seconds + unixTimeSlack
	if date > math.MaxInt32 {
		return never // the client and the protocol have 32 bits
	}
	return int32(date)
}
