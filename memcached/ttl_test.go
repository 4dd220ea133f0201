package memcached

import (
	"math"
	"testing"
	"time"

	"github.com/pump-go/sessions/driver"
)

func TestExpiration(t *testing.T) {
	const day = 24 * time.Hour
	wall := time.Date(2027, 3, 4, 5, 6, 7, 0, time.UTC)
	now := driver.MillisOf(wall) + 500
	for _, c := range []struct {
		left     time.Duration
		min, max int64
		example  string
	}{
		{-time.Hour, immediately, immediately, "long past"},
		{0, immediately, immediately, "now; 0 would mean never"},
		{time.Millisecond, 1, 70, "under a second; 0 would mean never"},
		{499 * time.Millisecond, 1, 70, "within the second"},
		{500 * time.Millisecond, 1, 70, "at the second"},
		{30 * time.Minute, 1801, 1870, "as usual"},
		{30*day - 2*time.Minute, 30*86400 - 119, 30 * 86400, "just short of a date"},
		{30 * day, wall.Unix() + 30*86400 + 3600, wall.Unix() + 32*86400, "a date: 30 days in seconds would be in 1970"},
		{30*day + time.Millisecond, wall.Unix() + 30*86400 + 3600, wall.Unix() + 32*86400, "a date"},
		{400 * day, wall.Unix() + 400*86400 + 3600, wall.Unix() + 402*86400, "a date"},
		{20 * 365 * day, never, never, "after 2038, more than 31 bits"},
		{100 * 365 * day, never, never, "after 2106, more than 32 bits"},
	} {
		got := int64(expiration(now+driver.Millis(c.left.Milliseconds()), now, wall))
		if got < c.min || got > c.max {
			t.Errorf("%v (%s): %d, want from %d to %d", c.left, c.example, got, c.min, c.max)
		}
	}
	for _, expires := range []driver.Millis{math.MaxInt64, 253402300799999} {
		for _, now := range []driver.Millis{now, -now, 0} {
			if got := expiration(expires, now, wall); got != never {
				t.Errorf("expires %d, now %d: %d, want never", expires, now, got)
			}
		}
	}
	if got := expiration(math.MinInt64, now, wall); got != immediately {
		t.Errorf("expires math.MinInt64: %d, want immediately", got)
	}
}

func TestExpirationIsNeverEarly(t *testing.T) {
	wall := time.Unix(1_800_000_000, 0)
	for offset := driver.Millis(0); offset < 1000; offset += 37 {
		now := driver.MillisOf(wall) + offset
		for left := driver.Millis(1); left < 5000; left += 13 {
			// The server counts from the start of the current second.
			if got := driver.Millis(expiration(now+left, now, wall)-1) * 1000; got < left {
				t.Fatalf("%d ms from %d ms into a second: %d ms", left, offset, got)
			}
		}
	}
}
