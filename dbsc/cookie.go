package dbsc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
	"time"
)

// The value of a bound cookie is its expiry in Unix ms, 8 bytes, a nonce, 8 bytes, and
// the HMAC of these with the binding's ID and key. So it is checked without the store,
// and is good for this session and this key only.
const (
	cookieHead   = 8 + 8
	cookieLength = (cookieHead + sha256.Size) * 4 / 3 // in base64
	maxCookies   = 4                                  // of a request that are checked
)

// verdict is what a request's bound cookie is.
type verdict byte

const (
	absent verdict = iota // or genuine, but expired
	wrong
	good
)

func (v verdict) String() string {
	if v == wrong {
		return "wrong_cookie"
	}
	return "no_cookie"
}

// setCookie adds a new bound cookie to the response. The browser drops it a little
// before it expires here, so that it never sends an expired one.
func (b *Binding) setCookie(header http.Header, bound binding) {
	var raw [cookieHead + sha256.Size]byte
	binary.BigEndian.PutUint64(raw[:], uint64(b.now().Add(b.o.Life).UnixMilli()))
	rand.Read(raw[8:cookieHead])
	var buf [messageSize]byte
	sum := b.cookies.sum(0, bound.message(buf[:0], raw[:cookieHead]))
	copy(raw[cookieHead:], sum[:])
	c := b.cookie
	c.Value, c.MaxAge = encoding.EncodeToString(raw[:]), int(b.o.Life*9/10/time.Second)
	header.Add("Set-Cookie", c.String())
}

// messageSize is enough for most keys.
const messageSize = 192

// message appends what a cookie's HMAC is of.
func (bound *binding) message(buf, head []byte) []byte {
	buf = append(buf, bound.id[:]...)
	buf = append(buf, bound.key.alg)
	buf = append(buf, bound.key.bytes...)
	return append(buf, head...)
}

// check looks for the bound cookie in a request.
func (b *Binding) check(r *http.Request, bound *binding) verdict {
	if r == nil {
		return absent
	}
	result, n := absent, 0
	for _, line := range r.Header["Cookie"] {
		for line != "" && n < maxCookies {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, value, found := strings.Cut(strings.Trim(pair, " \t"), "=")
			if !found || name != b.cookie.Name {
				continue
			}
			n++
			switch b.checkValue(value, bound) {
			case good:
				return good
			case wrong:
				result = wrong
			}
		}
	}
	return result
}

func (b *Binding) checkValue(value string, bound *binding) verdict {
	if len(value) != cookieLength {
		return wrong
	}
	var text [cookieLength]byte
	var raw [cookieHead + sha256.Size]byte
	n, err := encoding.Decode(raw[:], text[:copy(text[:], value)])
	if err != nil || n != len(raw) {
		return wrong
	}
	var buf [messageSize]byte
	if !b.cookies.verify(raw[cookieHead:], bound.message(buf[:0], raw[:cookieHead])) {
		return wrong
	}
	if b.now().UnixMilli() >= int64(binary.BigEndian.Uint64(raw[:])) {
		return absent
	}
	return good
}
