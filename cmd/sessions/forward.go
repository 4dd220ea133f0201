package main

import (
	"context"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// A renewed session leaves a forward under its old ID for two minutes. The command does
// not show or count forwards, but follows them from the old ID.

func isForward(rec driver.Record) bool {
	in, err := sessions.Inspect(rec)
	return err == nil && in.Forward != nil
}

// follow loads the session at key, or the one that replaced it by a renewal.
func (s *opened) follow(ctx context.Context, key driver.Key) (driver.Entry, error) {
	for visited := map[driver.Key]bool{}; !visited[key]; {
		visited[key] = true
		rec, err := s.Load(ctx, key)
		if err != nil {
			return driver.Entry{Key: key}, err
		}
		in, err := sessions.Inspect(rec)
		if err != nil || in.Forward == nil {
			return driver.Entry{Key: key, Record: rec}, nil
		}
		key = *in.Forward
	}
	return driver.Entry{Key: key}, driver.ErrNotFound
}
