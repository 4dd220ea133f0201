package sessions

import (
	"fmt"
	"time"
)

// browserCap is the longest that browsers keep a cookie (RFC 6265bis, 5.5: 400
// days). A session that never expires is dropped when unused for as long: no
// browser could present it any more.
const browserCap = 400 * 24 * time.Hour

// Expiry is when browsers drop the session cookie. Its zero value is
// ExpireNever. It does not end the session on the server: Options.IdleTimeout and
// Options.Lifetime do.
type Expiry struct {
	kind expiryKind
	ms   int64 // at: the instant; after: the duration
}

type expiryKind byte

const (
	expireNever expiryKind = iota
	expireWithBrowser
	expireAt
	expireAfter
)

// ExpireNever keeps the cookie for as long as browsers allow, 400 days. It is
// issued again when it is used, so it does not expire in use.
func ExpireNever() Expiry { return Expiry{kind: expireNever} }

// ExpireWithBrowser drops the cookie when the browser is closed.
func ExpireWithBrowser() Expiry { return Expiry{kind: expireWithBrowser} }

// ExpireAt drops the cookie at t, exact to the second. A cookie that is sent
// after t lasts for a second.
func ExpireAt(t time.Time) Expiry {
	if t.IsZero() {
		return Expiry{kind: expireAt, ms: invalidExpiry}
	}
	return Expiry{kind: expireAt, ms: t.UnixMilli()}
}

// ExpireAfter drops the cookie when it was not used for d. It is issued anew
// when more than 1% of d has passed.
func ExpireAfter(d time.Duration) Expiry { return Expiry{kind: expireAfter, ms: d.Milliseconds()} }

const invalidExpiry = -1 << 63

// String describes the expiry for people.
func (e Expiry) String() string {
	switch e.kind {
	case expireNever:
		return "never"
	case expireWithBrowser:
		return "with the browser"
	case expireAt:
		return "at " + time.UnixMilli(e.ms).UTC().Format(time.RFC3339)
	default:
		return "after " + e.duration().String()
	}
}

func (e Expiry) duration() time.Duration { return time.Duration(e.ms) * time.Millisecond }

// check reports what a cookie that is issued now cannot have.
func (e Expiry) check(now time.Time) error {
	if err := e.wellFormed(); err != nil {
		return err
	}
	if e.kind == expireAt && e.ms <= now.UnixMilli() {
		return fmt.Errorf("%v is past", e)
	}
	return nil
}

// wellFormed reports what no cookie can have.
func (e Expiry) wellFormed() error {
	switch e.kind {
	case expireAt:
		// The years that a cookie's date can have (RFC 6265bis, 5.1.1).
		if y := time.UnixMilli(e.ms).UTC().Year(); e.ms == invalidExpiry || y < 1601 || y > 9999 {
			return fmt.Errorf("ExpireAt needs a date of the years 1601 to 9999")
		}
	case expireAfter:
		if e.ms <= 0 {
			return fmt.Errorf("ExpireAfter needs a duration of a millisecond or more, not %v", e.duration())
		}
	case expireNever, expireWithBrowser:
	default:
		return fmt.Errorf("unknown kind of Expiry")
	}
	return nil
}

// reissueEvery is how often a cookie in use needs to be issued anew so that it
// does not lapse; 0 is never.
func (e Expiry) reissueEvery() time.Duration {
	switch e.kind {
	case expireNever:
		return 24 * time.Hour
	case expireAfter:
		return max(e.duration()/100, time.Millisecond)
	default:
		return 0
	}
}
