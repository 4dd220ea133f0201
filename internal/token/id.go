package token

import (
	"crypto/rand"
	"crypto/sha256"

	"github.com/pump-go/sessions/driver"
)

// ID is a session's secret: 256 random bits. Whoever has it can open the session.
type ID [32]byte

// NewID returns a random ID.
func NewID() ID {
	var id ID
	rand.Read(id[:]) // never fails
	return id
}

// Key is the key under which the store keeps the session.
func (id ID) Key() driver.Key { return sha256.Sum256(id[:]) }
