package main

import (
	"testing"
	"time"
)

func TestAges(t *testing.T) {
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "36h": 36 * time.Hour, "30d": 30 * day, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "0": 0, "1h30m": 90 * time.Minute,
	} {
		if got, err := parseAge(s); got != want || err != nil {
			t.Errorf("%s is %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "30", "d", "-1d", "-1h", "1d-1h", "x", "1w", "d1h", "1d1d", "NaNd", "Infd", "99999999d", "1e300d"} {
		if got, err := parseAge(s); err == nil {
			t.Errorf("%s is %v", s, got)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m30s", time.Hour: "1h", 25*time.Hour + time.Minute: "1d1h", 400 * day: "400d", 1500 * time.Microsecond: "2ms",
		day + time.Minute: "1d",
	} {
		if got := short(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
	}
}

func TestMoments(t *testing.T) {
	for s, want := range map[string]time.Time{
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T18:00:00Z":      time.Date(2026, 1, 31, 18, 0, 0, 0, time.UTC),
		"2026-01-31T18:00:00+01:00": time.Date(2026, 1, 31, 17, 0, 0, 0, time.UTC),
	} {
		var m moment
		if err := m.Set(s); err != nil || !m.at.Equal(want) {
			t.Errorf("%s is %v, %v", s, m.at, err)
		}
	}
	var m moment
	if err := m.Set("2d"); err != nil || time.Since(m.at) < 48*time.Hour || time.Since(m.at) > 49*time.Hour {
		t.Errorf("2d is %v, %v", m.at, err)
	}
	for _, s := range []string{"", "yesterday", "2026-13-01", "31.1.2026"} {
		if err := m.Set(s); err == nil {
			t.Errorf("%q is %v", s, m.at)
		}
	}
}
