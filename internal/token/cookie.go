package token

import (
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Cookie writes and reads the session cookie.
type Cookie struct {
	name   string
	attrs  string // "; Path=/; …", as net/http writes them
	Expiry Expiry // unless the session has its own
}

// NewCookie returns the Cookie with the name and the attributes of c.
func NewCookie(c http.Cookie, expiry Expiry) *Cookie {
	return &Cookie{name: c.Name, attrs: strings.TrimPrefix(c.String(), c.Name+"="), Expiry: expiry}
}

// Live returns the Set-Cookie line that gives the client the token.
func (c *Cookie) Live(token string, e Expiry, now time.Time) string {
	switch e.Kind {
	case Never:
		return c.line(token, now.Add(BrowserLimit), int64(BrowserLimit/time.Second))
	case At:
		return c.line(token, time.UnixMilli(e.Ms), (e.Ms-now.UnixMilli())/1000)
	case After:
		return c.line(token, now.Add(e.duration()), e.Ms/1000)
	default:
		return c.name + "=" + token + c.attrs
	}
}

// Deletion returns the Set-Cookie line that makes the client drop its cookie.
func (c *Cookie) Deletion() string { return c.line("", time.Unix(0, 0), 0) }

func (c *Cookie) line(token string, expires time.Time, maxAge int64) string {
	if token != "" {
		maxAge = max(maxAge, 1) // 0 would delete it
	}
	var buf [64]byte // large enough for any date and number
	end := append(buf[:0], "; Expires="...)
	end = expires.UTC().AppendFormat(end, http.TimeFormat)
	end = append(end, "; Max-Age="...)
	end = strconv.AppendInt(end, maxAge, 10)
	var line strings.Builder
	line.Grow(len(c.name) + 1 + len(token) + len(c.attrs) + len(end))
	line.WriteString(c.name)
	line.WriteByte('=')
	line.WriteString(token)
	line.WriteString(c.attrs)
	line.Write(end)
	return line.String()
}

// Set puts a Set-Cookie line into the header, in place of any other for the same
// name.
func (c *Cookie) Set(h http.Header, line []string) {
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

// Values yields what the client sent under the cookie's name, in order. It reads
// the header field itself: net/http copies every cookie of the request, and
// leaves out those that it finds malformed.
func (c *Cookie) Values(line string) iter.Seq[string] {
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

// trimBlanks cuts off spaces and tabs at both ends, and no other bytes: a token
// with one byte more is not a token.
func trimBlanks(s string) string { return strings.Trim(s, " \t") }
