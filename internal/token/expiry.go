package token

import (
	"errors"
	"fmt"
	"time"
)

// BrowserLimit is the longest that browsers keep a cookie (RFC 6265bis, 5.5: 400
// days).
const BrowserLimit = 400 * 24 * time.Hour

// Expiry is when browsers drop the session cookie. The zero Expiry is Never.
type Expiry struct {
	Kind ExpiryKind
	Ms   int64 // At: the Unix time; After: the duration
}

// ExpiryKind is one of the four kinds of Expiry. It is stored with sessions.
type ExpiryKind byte

// The kinds of Expiry.
const (
	Never ExpiryKind = iota
	WithBrowser
	At
	After
)

// NoTime is the Ms of an At that was given no time. It is not valid.
const NoTime = -1 << 63

// String describes the expiry.
func (e Expiry) String() string {
	switch e.Kind {
	case Never:
		return "never"
	case WithBrowser:
		return "with the browser"
	case At:
		return "at " + time.UnixMilli(e.Ms).UTC().Format(time.RFC3339)
	default:
		return "after " + e.duration().String()
	}
}

func (e Expiry) duration() time.Duration { return time.Duration(e.Ms) * time.Millisecond }

// Check returns an error if a cookie that is sent now cannot have the expiry.
func (e Expiry) Check(now time.Time) error {
	if err := e.Valid(); err != nil {
		return err
	}
	if e.Kind == At && e.Ms <= now.UnixMilli() {
		return fmt.Errorf("%v is past", e)
	}
	return nil
}

// Valid returns an error if no cookie can have the expiry.
func (e Expiry) Valid() error {
	switch e.Kind {
	case At:
		// The years that a cookie's date can have (RFC 6265bis, 5.1.1).
		if y := time.UnixMilli(e.Ms).UTC().Year(); e.Ms == NoTime || y < 1601 || y > 9999 {
			return errors.New("ExpireAt needs a date of the years 1601 to 9999")
		}
	case After:
		if e.Ms <= 0 {
			return fmt.Errorf("ExpireAfter needs a duration of a millisecond or more, not %v", e.duration())
		}
	case Never, WithBrowser:
	default:
		return errors.New("unknown kind of Expiry")
	}
	return nil
}

// ReissueEvery is how often a cookie in use has to be sent again so that it does
// not expire; 0 is never.
func (e Expiry) ReissueEvery() time.Duration {
	switch e.Kind {
	case Never:
		return 24 * time.Hour
	case After:
		return max(e.duration()/100, time.Millisecond)
	default:
		return 0
	}
}
