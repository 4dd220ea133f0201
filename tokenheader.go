package sessions

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// tokenHeader is Options.TokenHeader: the header field in which clients without
// cookies carry their token. The zero one is none.
type tokenHeader struct {
	name   string // in canonical form
	scheme string // what stands before a token: in Authorization, "Bearer " (RFC 6750, 2.1)
}

func newTokenHeader(name string) tokenHeader {
	t := tokenHeader{name: textproto.CanonicalMIMEHeaderKey(name)}
	if t.name == "Authorization" {
		t.scheme = "Bearer "
	}
	return t
}

// of returns the token that a request's header carries, and whether the client
// is one that uses the field. It is empty if the client has no token yet.
func (t tokenHeader) of(h http.Header) (token string, ok bool) {
	if t.name == "" {
		return "", false
	}
	lines := h[t.name]
	if len(lines) == 0 {
		return "", false
	}
	value := lines[0]
	if t.scheme == "" {
		return value, true
	}
	// The scheme's name is compared without regard to case (RFC 9110, 11.1).
	n := len(t.scheme) - 1
	if len(value) < n || !strings.EqualFold(value[:n], t.scheme[:n]) || len(value) > n && value[n] != ' ' {
		return "", false // another scheme: it is not for us
	}
	return strings.TrimLeft(value[n:], " "), true
}

// put gives the client a token, or takes it away if it is empty.
func (t tokenHeader) put(h http.Header, token string) {
	if token != "" {
		token = t.scheme + token
	}
	h[t.name] = []string{token}
}

func checkTokenHeader(name string) error {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 { // RFC 9110, 5.6.2
			return fmt.Errorf("%q is no name of a header field", clip(name))
		}
	}
	if strings.EqualFold(name, "Cookie") || strings.EqualFold(name, "Set-Cookie") {
		return fmt.Errorf("%s is for cookies", name)
	}
	return nil
}
