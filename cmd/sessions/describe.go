package main

import (
	"fmt"
	"time"

	"github.com/pump-go/sessions/driver"
)

// summary is the JSON object of a session in a listing.
type summary struct {
	ID       string `json:"id"`
	Owner    string `json:"owner"`
	Created  string `json:"created"`
	Accessed string `json:"accessed"`
	Expires  string `json:"expires"`
	Bytes    int    `json:"bytes"`
}

func summaryOf(e *driver.Entry) summary {
	return summary{
		ID:       e.Key.String(),
		Owner:    exact(e.Record.Owner),
		Created:  precise(e.Record.Created),
		Accessed: precise(e.Record.Accessed),
		Expires:  precise(e.Record.Expires),
		Bytes:    len(e.Record.Data),
	}
}

// precise formats a time with milliseconds, as it is stored.
func precise(m driver.Millis) string { return m.Time().Format("2006-01-02T15:04:05.000Z") }

// The columns of a listing as text. The owner is last, since its length varies.
const columns = "%-64s  %-20s  %-20s  %-20s  %8v  %s"

var heading = fmt.Sprintf(columns, "ID", "CREATED", "ACCESSED", "EXPIRES", "BYTES", "OWNER")

// line returns a session's line in a listing.
func line(e *driver.Entry) string {
	r := &e.Record
	return fmt.Sprintf(columns, e.Key, stamp(r.Created.Time()), stamp(r.Accessed.Time()), stamp(r.Expires.Time()), len(r.Data), word(r.Owner))
}

// since formats a time, absolute and relative to now.
func since(m driver.Millis, now time.Time) string {
	s := stamp(m.Time())
	switch d := now.Sub(m.Time()); {
	case d >= time.Second:
		return fmt.Sprintf("%s  (%s ago)", s, short(d))
	case d <= -time.Second:
		return fmt.Sprintf("%s  (in %s)", s, short(-d))
	}
	return s + "  (now)"
}
