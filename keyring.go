package sessions

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// keyring derives keys from the program's secrets. No secret is ever used as a
// key itself, and no key for two purposes, cookie names or namespaces: what is
// signed for one is worth nothing for another.
type keyring struct {
	secrets [][]byte // the present one first
	scope   string
}

func newKeyring(o Options) keyring {
	k := keyring{scope: fmt.Sprintf("%q %q", o.Cookie.Name, o.Namespace)}
	if o.Cookie.Secret != nil {
		k.secrets = append([][]byte{o.Cookie.Secret}, o.Cookie.PreviousSecrets...)
	}
	return k
}

// derive returns a 32-byte key for each secret, in order.
func (k keyring) derive(purpose string) [][]byte {
	var keys [][]byte
	for _, secret := range k.secrets {
		key, err := hkdf.Key(sha256.New, secret, nil, fmt.Sprintf("pump-go/sessions %q %s", purpose, k.scope), sha256.Size)
		if err != nil {
			// Only a length over 255 digests, or FIPS mode and a secret shorter
			// than validate admits, can do this.
			panic("sessions: derive key: " + err.Error())
		}
		keys = append(keys, key)
	}
	return keys
}
