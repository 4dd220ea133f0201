package token_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/pump-go/sessions/internal/token"
)

// Without a secret, any 32 bytes in strict base64 are a token, and nothing else
// is. With a secret, only what was signed is.
func FuzzToken(f *testing.F) {
	secrets := token.NewKeys(bytes.Repeat([]byte("a"), 32), [][]byte{bytes.Repeat([]byte("b"), 32)}, "fuzz", "")
	signing, plain := token.NewCodec(secrets.Derive("token")), token.NewCodec(nil)
	id := token.ID{1, 2, 3, 31: 4}
	signed, unsigned := signing.Encode(id), plain.Encode(id)
	for _, seed := range []string{signed, unsigned, "", "=", signed + "=", signed[:85] + "\n", strings.Repeat("A", 86),
		strings.Repeat("A", 43), strings.Repeat("\n", 43), strings.Repeat("\r", 86), strings.Repeat("_", 42) + "B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, _, ok := plain.Decode(s); ok && plain.Encode(id) != s {
			t.Errorf("%q is another spelling of %q", s, plain.Encode(id))
		}
		id, _, ok := signing.Decode(s)
		if ok && (s != signed || signing.Encode(id) != s) {
			t.Errorf("%q verifies", s)
		}
		if s == signed && !ok {
			t.Error("our own token does not verify")
		}
	})
}
