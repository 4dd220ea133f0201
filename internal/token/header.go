package token

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// Header is the header field in which clients without cookies send and receive
// their token. The zero Header is none.
type Header struct {
	Name   string // in canonical form
	scheme string // before a token: in Authorization, "Bearer " (RFC 6750, 2.1)
}

// NewHeader returns the Header of the name.
func NewHeader(name string) Header {
	h := Header{Name: textproto.CanonicalMIMEHeaderKey(name)}
	if h.Name == "Authorization" {
		h.scheme = "Bearer "
	}
	return h
}

// Token returns the token in a line of the field. ok reports whether the line is
// for us: Authorization has other schemes. The token is empty if the client has
// none yet.
func (h Header) Token(line string) (token string, ok bool) {
	if h.scheme == "" {
		return line, true
	}
	// The scheme's name is compared without regard to case (RFC 9110, 11.1).
	n := len(h.scheme) - 1
	if len(line) < n || !strings.EqualFold(line[:n], h.scheme[:n]) || len(line) > n && line[n] != ' ' {
		return "", false
	}
	return strings.TrimLeft(line[n:], " "), true
}

// Set sends the token to the client. An empty one tells it to drop its own.
func (h Header) Set(to http.Header, token string) {
	if token != "" {
		token = h.scheme + token
	}
	to[h.Name] = []string{token}
}

// CheckHeader returns an error if the name cannot be that of a Header.
func CheckHeader(name string) error {
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 { // RFC 9110, 5.6.2
			return fmt.Errorf("%.80q is not a valid header field name", name)
		}
	}
	if strings.EqualFold(name, "Cookie") || strings.EqualFold(name, "Set-Cookie") {
		return fmt.Errorf("%s is for cookies", name)
	}
	return nil
}
