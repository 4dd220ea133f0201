//go:build linux

package main

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// full is a store with all that is optional.
type full interface {
	driver.Store
	driver.Lister
	driver.Owners
	driver.Sweeper
}

// everything is the store as one that can do all; those that are wrapped can.
func everything(s driver.Store) full { return s.(full) }

// switched is a store that can be switched off.
type switched struct {
	full
	down *atomic.Bool
}

var errOff = errors.New("switched off")

func (s switched) err() error {
	if s.down.Load() {
		return errOff
	}
	return nil
}

func (s switched) Load(ctx context.Context, key driver.Key) (driver.Record, error) {
	if err := s.err(); err != nil {
		return driver.Record{}, err
	}
	return s.full.Load(ctx, key)
}

func (s switched) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	if err := s.err(); err != nil {
		return err
	}
	err := s.full.Save(ctx, key, old, rec)
	return errors.Join(err, s.err()) // it may go down while it answers
}

func (s switched) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	if err := s.err(); err != nil {
		return err
	}
	return s.full.Touch(ctx, key, rec)
}

func (s switched) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	if err := s.err(); err != nil {
		return err
	}
	err := s.full.Delete(ctx, key, v)
	return errors.Join(err, s.err())
}
