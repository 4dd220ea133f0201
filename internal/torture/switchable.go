//go:build linux

package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// fullStore is a store with all optional interfaces.
type fullStore interface {
	driver.Store
	driver.Lister
	driver.Owners
	driver.Sweeper
}

// asFullStore returns s as a fullStore, which every wrapped store implements.
func asFullStore(s driver.Store) fullStore { return s.(fullStore) }

// switchable is a store that can be switched off.
type switchable struct {
	fullStore
	down *atomic.Bool
}

var errOff = errors.New("switched off")

func (s switchable) err() error {
	if s.down.Load() {
		return errOff
	}
	return nil
}

func (s switchable) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if err := s.err(); err != nil {
		return driver.Record{}, err
	}
	return s.fullStore.Load(ctx, key)
}

func (s switchable) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := s.err(); err != nil {
		return err
	}
	err := s.fullStore.Save(ctx, key, old, rec)
	return errors.Join(err, s.err()) // it may be switched off during the call
}

func (s switchable) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	if err := s.err(); err != nil {
		return err
	}
	err := renewOn(ctx, s.fullStore, oldKey, old, forward, key, rec)
	return errors.Join(err, s.err())
}

// renewOn renews on a store that may be a driver.Renewer.
func renewOn(ctx context.Context, s driver.Store, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	if r, ok := s.(driver.Renewer); ok {
		return r.Renew(ctx, oldKey, old, forward, key, rec)
	}
	return errors.ErrUnsupported
}

func (s switchable) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.fullStore.Touch(ctx, key, rec)
}

func (s switchable) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	if err := s.err(); err != nil {
		return err
	}
	err := s.fullStore.Delete(ctx, key, v)
	return errors.Join(err, s.err())
}
