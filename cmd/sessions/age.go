package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// age is a flag for a span of time: package time's notation, and days before
// it, as in 30d or 1d12h.
type age time.Duration

func (a *age) String() string { return short(time.Duration(*a)) }

func (a *age) Set(s string) error {
	d, err := parseAge(s)
	*a = age(d)
	return err
}

func parseAge(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "0", s
	}
	n, err := strconv.ParseFloat(days, 64)
	var d time.Duration
	if err == nil && rest != "" {
		d, err = time.ParseDuration(rest)
	}
	if err != nil || !(n >= 0 && n <= 36500) || d < 0 || s == "" {
		return 0, fmt.Errorf("a time is written like 90s, 36h or 30d")
	}
	return time.Duration(n*float64(day)) + d, nil
}

// short writes a span of time for people, cut to its two largest units.
func short(d time.Duration) string {
	day := 24 * time.Hour
	for _, unit := range []struct {
		of, next   time.Duration
		name, less string
	}{
		{day, time.Hour, "d", "h"},
		{time.Hour, time.Minute, "h", "m"},
		{time.Minute, time.Second, "m", "s"},
	} {
		if d >= unit.of {
			s := fmt.Sprintf("%d%s", d/unit.of, unit.name)
			if rest := d % unit.of / unit.next; rest > 0 {
				s += fmt.Sprintf("%d%s", rest, unit.less)
			}
			return s
		}
	}
	if d < time.Second && d > 0 {
		return d.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// moment is a flag for an instant: a date, a time, or how long ago it was.
type moment struct{ at time.Time }

func (m *moment) String() string {
	if m.at.IsZero() {
		return ""
	}
	return stamp(m.at)
}

func (m *moment) Set(s string) error {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			m.at = t
			return nil
		}
	}
	if d, err := parseAge(s); err == nil {
		m.at = time.Now().Add(-d)
		return nil
	}
	return fmt.Errorf("write a date like 2026-01-31 (UTC), a time like 2026-01-31T18:00:00Z, or how long ago, like 36h or 30d")
}

// stamp writes an instant as all outputs have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
