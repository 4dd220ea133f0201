package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// Keys derives keys from the program's secrets. No secret is itself used as a
// key, and no key is used for two purposes, cookie names or namespaces: what is
// signed for one is not valid for another.
type Keys struct {
	secrets [][]byte // the current one first
	scope   string
}

// NewKeys returns the Keys of the secrets, for one cookie name and namespace. A
// nil secret means none.
func NewKeys(secret []byte, previous [][]byte, cookie, namespace string) Keys {
	k := Keys{scope: fmt.Sprintf("%q %q", cookie, namespace)}
	if secret != nil {
		k.secrets = append([][]byte{secret}, previous...)
	}
	return k
}

// Derive returns a 32-byte key for each secret, in order.
func (k Keys) Derive(purpose string) [][]byte {
	var keys [][]byte
	for _, secret := range k.secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("pump-go/sessions %q %s", purpose, k.scope), sha256.Size)
		if err != nil {
			// The cause is a length over 255 digests, or FIPS mode and a secret
			// that is shorter than New accepts.
			panic("sessions: derive key: " + err.Error())
		}
		keys = append(keys, key)
	}
	return keys
}
