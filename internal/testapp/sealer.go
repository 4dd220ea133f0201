package testapp

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// init registers "sealed", a store whose sessions are with the clients, on the
// standard library alone. With package cookie in its place, programs that import
// any store would have to download what that needs.
func init() {
	sessions.Register("sealed", driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		s := &sealer{name: cfg.CookieName, now: cfg.Now}
		for _, key := range cfg.Keys("sealed") {
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			aead, err := cipher.NewGCMWithRandomNonce(block)
			if err != nil {
				return nil, err
			}
			s.aeads = append(s.aeads, aead)
		}
		if len(s.aeads) == 0 {
			return nil, errors.New("sealed: open: needs a Secret")
		}
		return s, nil
	}))
}

type sealer struct {
	name  string
	now   func() time.Time
	aeads []cipher.AEAD
}

var (
	_           driver.Sealer = (*sealer)(nil)
	sealingText               = base64.RawURLEncoding.Strict()
)

func (s *sealer) Seal(key driver.Key, rec driver.Record) (string, error) {
	plain, err := driver.AppendRecord(key[:], rec)
	if err != nil {
		return "", err
	}
	token := sealingText.EncodeToString(s.aeads[0].Seal(nil, nil, plain, []byte(s.name)))
	if n := len(s.name) + len(token); n > 4096 {
		return "", fmt.Errorf("sealed: %d bytes of 4096: %w", n, driver.ErrTooLarge)
	}
	return token, nil
}

func (s *sealer) Unseal(token string) (driver.Sealed, error) {
	raw, err := sealingText.DecodeString(token)
	if err != nil || len(s.name)+len(token) > 4096 || sealingText.EncodeToString(raw) != token {
		return driver.Sealed{}, driver.ErrNotFound
	}
	for i, aead := range s.aeads {
		plain, err := aead.Open(nil, nil, raw, []byte(s.name))
		if err != nil {
			continue
		}
		var key driver.Key
		rec, err := driver.ParseRecord(plain[copy(key[:], plain):])
		if err == nil && rec.Expired(s.now()) {
			err = driver.ErrNotFound
		}
		return driver.Sealed{Key: key, Record: rec, Stale: i > 0}, err
	}
	return driver.Sealed{}, driver.ErrNotFound
}

func (s *sealer) Close() error { return nil }

func (s *sealer) Load(context.Context, driver.Key) (driver.Record, error) {
	return driver.Record{}, errors.ErrUnsupported
}

func (s *sealer) Save(context.Context, driver.Key, driver.Version, driver.Record) error {
	return errors.ErrUnsupported
}

func (s *sealer) Touch(context.Context, driver.Key, driver.Record) error {
	return errors.ErrUnsupported
}

func (s *sealer) Delete(context.Context, driver.Key, driver.Version) error {
	return errors.ErrUnsupported
}
