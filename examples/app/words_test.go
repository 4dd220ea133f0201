package main

import (
	"testing"
	"time"
)

func TestDeviceLabel(t *testing.T) {
	for agent, want := range map[string]string{
		firefox:       "Firefox on Linux",
		safari:        "Safari on iPhone",
		"curl/8.14.1": "curl",
		"":            "an unknown browser",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0": "Edge on Windows",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36":               "Chrome on Android",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15":         "Safari on Mac",
	} {
		if got := deviceLabel(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}

func TestLastUsed(t *testing.T) {
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	for _, test := range []struct {
		since, signedIn, limit time.Duration
		want                   string
	}{
		{0, 0, 30 * minute, "just now"},
		{5 * minute, day, 30 * minute, "5 minutes ago"},
		{minute, 0, 30 * day, "just now"}, // it was renewed: its record is older
		{5 * minute, 5 * minute, 30 * day, "up to 5 minutes ago"},
		{minute, 2 * day, 30 * day, "up to 7 hours ago"},
		{8 * hour, 2 * day, 30 * day, "8 hours ago"},
		{minute, 2 * day, 0, "up to a day ago"},
		{25 * hour, 2 * day, 0, "a day ago"},
	} {
		if got := lastUsed(test.since, test.signedIn, test.limit); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestIn(t *testing.T) {
	for d, want := range map[time.Duration]string{
		30*time.Minute - time.Millisecond: "in 30 minutes",
		30 * time.Minute:                  "in 30 minutes",
		29*time.Minute + 10*time.Second:   "in 30 minutes",
		time.Second:                       "in a minute",
		-time.Second:                      "in a minute",
		30*24*time.Hour - 2*time.Second:   "in 30 days",
		24*time.Hour + 5*time.Hour:        "in a day",
	} {
		if got := in(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
