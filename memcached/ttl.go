package memcached

import (
	"math"
	"time"

	"github.com/pump-go/sessions/driver"
)

// What memcached makes of an expiration, in seconds: 0 is for ever, less is at
// once, up to 30 days is from now, and more is a date by the server's clock.
const (
	forEver      = 0
	atOnce       = -1
	longestDelay = 30 * 24 * 60 * 60
)

// The server only clears up: whether a record has expired is for Config.Now
// to say, on each of the machines that share it. It must never be early, though
// it counts whole seconds and clocks differ, by more where dates are compared.
const (
	slackOfDelay = 60
	slackOfDate  = 24 * 60 * 60
)

// expiration is what to tell the server about a record that expires then. now
// is Config.Now's, wall the machine's own time, which is the nearest there is
// to the server's.
func expiration(expires, now driver.Millis, wall time.Time) int32 {
	if expires <= now {
		return atOnce
	}
	seconds := int64(expires/1000) - int64(now/1000) + 1 + slackOfDelay
	if seconds <= longestDelay {
		return int32(seconds)
	}
	date := wall.Unix() + seconds + slackOfDate
	if date > math.MaxInt32 {
		return forEver // until it is evicted; the client and the protocol have 32 bits
	}
	return int32(date)
}
