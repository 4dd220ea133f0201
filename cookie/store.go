package cookie

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gorilla/securecookie"

	"github.com/pump-go/sessions/driver"
)

// store is immutable after open, so its methods need no lock.
type store struct {
	gate   driver.Gate
	name   string // of the cookie
	now    func() time.Time
	codecs []*securecookie.SecureCookie // the current secret's first
}

var _ driver.Sealer = (*store)(nil)

func (s *store) Close() error { return s.gate.Close() }

// The manager calls only Seal and Unseal. The other methods are unsupported.

func (s *store) Load(context.Context, driver.Key) (driver.Record, error) {
	return driver.Record{}, s.unsupported("load", "the session is in the client's cookie and cannot be loaded by its key")
}

func (s *store) Save(context.Context, driver.Key, driver.Version, driver.Record) error {
	return s.unsupported("save", "a session is saved by sending its client a new cookie")
}

func (s *store) Touch(context.Context, driver.Key, driver.Record) error {
	return s.unsupported("touch", "a session is refreshed by sending its client a new cookie")
}

func (s *store) Delete(context.Context, driver.Key, driver.Version) error {
	return s.unsupported("delete", "a cookie cannot be revoked: it stays valid until it expires")
}

func (s *store) unsupported(op, why string) error {
	if err := s.gate.Enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	return fmt.Errorf("cookie: %s: %s: %w", op, why, errors.ErrUnsupported)
}
