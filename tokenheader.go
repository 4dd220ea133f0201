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

// token returns the token in a line of the field, and whether the client is one
// that uses it: Authorization has other schemes. The token is empty if the
// client has none yet.
func (t tokenHeader) token(line string) (token string, ok bool) {
	if t.scheme == "" {
		return line, true
	}
	// The scheme's name is compared without regard to case (RFC 9110, 11.1).
	n := len(t.scheme) - 1
	if len(line) < n || !strings.EqualFold(line[:n], t.scheme[:n]) || len(line) > n && line[n] != ' ' {
		return "", false // it is not for us
	}
	return strings.TrimLeft(line[n:], " "), true
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
