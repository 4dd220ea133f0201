package dbsc

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// A proof is a JSON Web Signature (RFC 7515) in its compact form, of type dbsc+jwt,
// over a challenge in the claim jti. Its algorithm is one of the two that are offered
// (RFC 7518, 3.1). With the key known, the signature is all that there is to verify, so
// package crypto does it, without a library for the many forms of JWS.

// maxProof is the maximum length of a proof. One with an RSA key of 4096 bits, the
// longest that is accepted, has about 2,300 bytes.
const maxProof = 4096

// The algorithms, as they are stored.
const (
	es256 = 1
	rs256 = 2
)

// publicKey is a public key: for ES256 an uncompressed point of P-256, for RS256 the
// key in PKCS #1.
type publicKey struct {
	alg   byte
	bytes []byte
}

func (k publicKey) equal(other publicKey) bool {
	return k.alg == other.alg && bytes.Equal(k.bytes, other.bytes)
}

type proof struct {
	alg       byte
	jwk       json.RawMessage // nil if there is none
	challenge string
	signed    string // what the signature is of
	signature []byte
}

var errProof = errors.New("dbsc: not a proof")

// parseProof parses a proof, and verifies nothing.
func parseProof(text string) (p proof, err error) {
	text = unquote(text)
	if len(text) > maxProof {
		return p, errProof
	}
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 {
		return p, errProof
	}
	head, payload, found := strings.Cut(text[:dot], ".")
	if !found || strings.Contains(payload, ".") {
		return p, errProof
	}
	p.signed = text[:dot]
	var ok bool
	if p.signature, ok = decode(text[dot+1:]); !ok || len(p.signature) == 0 {
		return p, errProof
	}
	header, err := object(head)
	if err != nil {
		return p, err
	}
	claims, err := object(payload)
	if err != nil {
		return p, err
	}
	switch member(header, "alg") {
	case "ES256":
		p.alg = es256
	case "RS256":
		p.alg = rs256
	default: // "none" above all
		return p, errProof
	}
	if _, critical := header["crit"]; critical || member(header, "typ") != "dbsc+jwt" {
		return p, errProof
	}
	p.jwk, p.challenge = header["jwk"], member(claims, "jti")
	return p, nil
}

// object decodes base64 of a JSON object. Its members keep the case of their names,
// which package json would ignore in a struct.
func object(text string) (map[string]json.RawMessage, error) {
	raw, ok := decode(text)
	if !ok {
		return nil, errProof
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, fmt.Errorf("%w: %w", errProof, err)
	}
	return members, nil
}

// member returns the member of that name if it is a string, or "".
func member(members map[string]json.RawMessage, name string) string {
	var s string
	if json.Unmarshal(members[name], &s) != nil {
		return ""
	}
	return s
}

// parseKey returns the key of a JWK (RFC 7517) for the algorithm.
func parseKey(alg byte, jwk json.RawMessage) (publicKey, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(jwk, &members); err != nil {
		return publicKey{}, fmt.Errorf("%w: %w", errProof, err)
	}
	number := func(name string) []byte {
		if b, ok := decode(member(members, name)); ok {
			return b
		}
		return nil
	}
	switch kind := member(members, "kty"); {
	case alg == es256 && kind == "EC" && member(members, "crv") == "P-256":
		x, y := number("x"), number("y")
		if len(x) != 32 || len(y) != 32 {
			return publicKey{}, errProof
		}
		point := append(append([]byte{4}, x...), y...)
		if _, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point); err != nil { // not on the curve
			return publicKey{}, fmt.Errorf("%w: %w", errProof, err)
		}
		return publicKey{es256, point}, nil
	case alg == rs256 && kind == "RSA":
		n := new(big.Int).SetBytes(number("n"))
		// The exponent is the one that all hardware uses: another costs time to verify.
		if bits := n.BitLen(); bits < 2048 || bits > 4096 || n.Bit(0) == 0 || !bytes.Equal(number("e"), []byte{1, 0, 1}) {
			return publicKey{}, errProof
		}
		return publicKey{rs256, x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: 65537})}, nil
	}
	return publicKey{}, errProof
}

// verify reports whether the proof was made with the key.
func (p *proof) verify(key publicKey) bool {
	if p.alg != key.alg {
		return false
	}
	digest := sha256.Sum256([]byte(p.signed))
	switch key.alg {
	case es256:
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), key.bytes)
		if err != nil || len(p.signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(p.signature[:32]), new(big.Int).SetBytes(p.signature[32:])
		return ecdsa.Verify(public, digest[:], r, s)
	case rs256:
		public, err := x509.ParsePKCS1PublicKey(key.bytes)
		return err == nil && rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], p.signature) == nil
	}
	return false
}

// unquote returns a string of a structured field (RFC 9651, 3.3.3), without its quotes
// and parameters. Browsers send tokens without quotes, which are returned as they are.
// What we make has no escapes.
func unquote(field string) string {
	field = strings.Trim(field, " \t")
	if !strings.HasPrefix(field, `"`) {
		field, _, _ = strings.Cut(field, ";")
		return strings.TrimRight(field, " \t")
	}
	text, rest, closed := strings.Cut(field[1:], `"`)
	if !closed || rest != "" && rest[0] != ';' {
		return ""
	}
	return text
}
