package cookie

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// maxCookie is the total length in bytes of a cookie's name and value that every
// browser accepts (RFC 6265bis, section 5.6).
const maxCookie = 4096

// Seal returns a token with the key and the record. The payload is the key's bytes
// followed by the record in the encoding of driver.AppendRecord, whose first byte is
// the format.
func (s *store) Seal(key driver.Key, rec driver.Record) (string, error) {
	if err := s.gate.Enter(); err != nil {
		return "", err
	}
	defer s.gate.Leave()
	payload := make([]byte, 0, len(key)+driver.RecordOverhead+len(rec.Owner)+len(rec.Data))
	payload, err := driver.AppendRecord(append(payload, key[:]...), rec)
	if err != nil {
		return "", fmt.Errorf("cookie: seal: %w", err)
	}
	token, err := s.codecs[0].Encode(s.name, payload) // encrypts the payload in place
	if err != nil {
		return "", fmt.Errorf("cookie: seal: %w", err)
	}
	if size := len(s.name) + len(token); size > maxCookie {
		return "", fmt.Errorf("cookie: seal: name and value would have %d bytes, browsers accept %d; reduce the session's %d bytes of data and owner by about %d, or use another store: %w",
			size, maxCookie, len(rec.Owner)+len(rec.Data), (size-maxCookie)*9/16+1, driver.ErrTooLarge)
	}
	return token, nil
}

// Unseal returns the key and record of a token made by Seal. For any other token it
// returns ErrNotFound, unwrapped: anybody can send tokens, so rejecting them must be
// cheap.
func (s *store) Unseal(token string) (driver.Sealed, error) {
	if err := s.gate.Enter(); err != nil {
		return driver.Sealed{}, err
	}
	defer s.gate.Leave()
	if len(s.name)+len(token) > maxCookie || !canonical(token) {
		return driver.Sealed{}, driver.ErrNotFound
	}
	for i, codec := range s.codecs {
		var payload []byte
		if codec.Decode(s.name, token, &payload) == nil {
			return s.parse(payload, i > 0)
		}
	}
	return driver.Sealed{}, driver.ErrNotFound
}

// parse parses a payload that was sealed with one of our keys.
func (s *store) parse(payload []byte, oldSecret bool) (driver.Sealed, error) {
	var key driver.Key
	if len(payload) < len(key) {
		return driver.Sealed{}, fmt.Errorf("cookie: unseal: %w", driver.ErrCorrupt)
	}
	n := copy(key[:], payload)
	rec, err := driver.ParseRecord(payload[n:])
	if err != nil {
		return driver.Sealed{}, fmt.Errorf("cookie: unseal: %w", err)
	}
	if rec.Expired(s.now()) {
		return driver.Sealed{}, driver.ErrNotFound
	}
	return driver.Sealed{Key: key, Record: rec, Stale: oldSecret}, nil
}

// canonical reports whether the token is the canonical base64 encoding of its
// bytes. securecookie's decoder ignores line breaks and the unused bits of the last
// character; without this check, a session would have several valid tokens.
func canonical(token string) bool {
	if len(token) < 4 || strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return false
	}
	var last [3]byte
	_, err := strict.Decode(last[:], []byte(token[len(token)-4:]))
	return err == nil
}

var strict = base64.URLEncoding.Strict()
