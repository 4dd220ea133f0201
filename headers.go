package sessions

import (
	"net/http"
	"slices"
	"strings"
)

// pendingCookie is what the response does with the client's token. It refers to
// what is stored, not to the ID of a Renew that failed or was not saved.
func (s *Session) pendingCookie() cookieAction {
	if s.cookieAction == deleteCookie && s.pendingDeletes != nil {
		return noCookie
	}
	return s.cookieAction
}

// putHeaders marks the response as private to this client, and puts the token
// where the client looks for it.
func (s *Session) putHeaders(h http.Header) {
	s.vary(h, "Cookie")
	if s.m.header.Name != "" {
		s.vary(h, s.m.header.Name)
	}
	private := len(h["Cache-Control"]) == 0
	if private {
		h["Cache-Control"] = s.line(cacheLine, "private")
	}
	action := s.pendingCookie()
	if action == noCookie {
		return
	}
	token := ""
	if action == setCookie {
		token = s.tokenOf(&s.id)
	}
	uncached := `private, no-cache="Set-Cookie"`
	switch {
	case s.byHeader:
		uncached = `private, no-cache="` + s.m.header.Name + `"`
		s.m.header.Set(h, token)
	case action == setCookie:
		s.m.cookie.Set(h, s.line(cookieLine, s.m.cookie.Live(token, s.expires(), s.clock().Time())))
	default:
		s.m.cookie.Set(h, s.line(cookieLine, s.m.cookie.Deletion()))
	}
	// No cache stores the token with the response (RFC 9111, 5.2.2.4).
	switch {
	case private:
		h["Cache-Control"] = s.line(cacheLine, uncached)
	case !lists(h["Cache-Control"], "no-store"):
		h["Cache-Control"] = append(slices.Clip(h["Cache-Control"]), strings.TrimPrefix(uncached, "private, "))
	}
	if guard := s.m.opts.Guard; guard != nil && action == setCookie && s.newID {
		guard.Issue(s.request, (*held)(s), h)
	}
}

// vary states that the response depends on a field of the request header.
func (s *Session) vary(h http.Header, field string) {
	switch lines := h["Vary"]; {
	case len(lines) == 0:
		h["Vary"] = s.line(varyLine, field)
	case !lists(lines, field) && !lists(lines, "*"):
		h["Vary"] = append(slices.Clip(lines), field) // others may share the array
	}
}

// Indexes into state.lines.
const (
	varyLine = iota
	cacheLine
	cookieLine
)

// line makes a header field of one line, without an allocation. The slice is
// the session's own, so that changing it in place affects only this response.
func (u *state) line(i int, text string) []string {
	u.lines[i] = text
	return u.lines[i : i+1 : i+1]
}

// lists reports whether one of the comma-separated lists contains the item.
func lists(lines []string, item string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(part), item) {
				return true
			}
		}
	}
	return false
}
