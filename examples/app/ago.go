package main

import (
	"fmt"
	"time"
)

// ago describes a time relative to now, so that it needs no time zone.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// in describes a time to come. It is rounded up to a minute, as a session that was just
// used has a moment less than its limit.
func in(d time.Duration) string { return "in " + span(d+time.Minute-time.Nanosecond) }

// lastUsed describes a session's last access. To save writes, not every access is
// recorded: the recorded time may be late by 1% of the idle timeout, or by a day if
// there is none. The sign-in itself was an access.
func lastUsed(since, signedIn, idleLimit time.Duration) string {
	late := 24 * time.Hour
	if idleLimit > 0 {
		late = min(late, idleLimit/100)
	}
	since, late = min(since, signedIn), min(late, signedIn)
	if since <= late && late > time.Minute {
		return "up to " + span(late) + " ago"
	}
	return ago(since)
}

func span(d time.Duration) string {
	units := []struct {
		one, many string
		d         time.Duration
	}{{"a day", "days", 24 * time.Hour}, {"an hour", "hours", time.Hour}, {"a minute", "minutes", time.Minute}}
	for _, u := range units {
		switch n := d / u.d; {
		case n == 1:
			return u.one
		case n > 1:
			return fmt.Sprintf("%d %s", n, u.many)
		}
	}
	return "a minute"
}
