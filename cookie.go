package sessions

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// cookieWriter writes the session cookie with its fixed attributes.
type cookieWriter struct {
	name   string
	attrs  string // "; Path=/; …", as net/http writes them
	expiry Expiry
	last   atomic.Pointer[ending]
}

func newCookieWriter(c Cookie) *cookieWriter {
	fixed := http.Cookie{
		Name:        c.Name,
		Path:        c.Path,
		Domain:      c.Domain,
		Secure:      c.Secure,
		HttpOnly:    !c.DisableHttpOnly,
		SameSite:    c.SameSite,
		Partitioned: c.Partitioned,
	}
	return &cookieWriter{
		name:   c.Name,
		attrs:  strings.TrimPrefix(fixed.String(), c.Name+"="),
		expiry: c.Expires,
	}
}

// live is the Set-Cookie line that gives the client a token.
func (c *cookieWriter) live(token string, e Expiry, now time.Time) string {
	switch e.kind {
	case expireNever:
		return c.line(token, now.Add(browserCap), int64(browserCap/time.Second))
	case expireAt:
		return c.line(token, time.UnixMilli(e.ms), (e.ms-now.UnixMilli())/1000)
	case expireAfter:
		return c.line(token, now.Add(e.duration()), e.ms/1000)
	default:
		return c.name + "=" + token + c.attrs
	}
}

// deletion is the Set-Cookie line that makes the client drop its cookie.
func (c *cookieWriter) deletion() string { return c.line("", time.Unix(0, 0), 0) }

func (c *cookieWriter) line(token string, expires time.Time, maxAge int64) string {
	if token != "" {
		maxAge = max(maxAge, 1) // 0 would delete it
	}
	end := c.end(expires.Unix(), maxAge)
	var line strings.Builder
	line.Grow(len(c.name) + 1 + len(token) + len(c.attrs) + len(end))
	line.WriteString(c.name)
	line.WriteByte('=')
	line.WriteString(token)
	line.WriteString(c.attrs)
	line.WriteString(end)
	return line.String()
}

// ending is what a line ends with. The last one is kept, since all sessions
// that begin within a second share it: writing out a date takes as long as
// all the rest of a line.
type ending struct {
	expires, maxAge int64 // in seconds
	text            string
}

func (c *cookieWriter) end(expires, maxAge int64) string {
	if e := c.last.Load(); e != nil && e.expires == expires && e.maxAge == maxAge {
		return e.text
	}
	var room [64]byte // for any date and number
	b := append(room[:0], "; Expires="...)
	b = time.Unix(expires, 0).UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "; Max-Age="...)
	e := &ending{expires, maxAge, string(strconv.AppendInt(b, maxAge, 10))}
	c.last.Store(e)
	return e.text
}

// put puts a Set-Cookie line into the header in place of any other for the same
// name.
func (c *cookieWriter) put(h http.Header, line []string) {
	lines := h["Set-Cookie"]
	if len(lines) == 0 {
		h["Set-Cookie"] = line
		return
	}
	kept := lines[:0:0]
	for _, l := range lines {
		if name, _, _ := strings.Cut(l, "="); strings.TrimSpace(name) != c.name {
			kept = append(kept, l)
		}
	}
	h["Set-Cookie"] = append(kept, line...)
}

// values yields what the client sent under the cookie's name, in its order. It
// reads the header as it is rather than through net/http, which copies every
// cookie of the request and leaves out those that it finds malformed.
func (c *cookieWriter) values(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, found := strings.Cut(trimBlanks(pair), "=")
			if found && name == c.name && !yield(value) {
				return
			}
		}
	}
}

// trimBlanks cuts off blanks at both ends, and nothing else that some take for
// one: a token with a byte more is no token.
func trimBlanks(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}
