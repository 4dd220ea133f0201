package main

import (
	"context"
	"flag"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// quiet returns a console with the environment e that discards its output.
func quiet(e env) *console {
	return &console{
		in: strings.NewReader(""), out: io.Discard, err: io.Discard,
		env: func(name string) (string, bool) { v, ok := e[name]; return v, ok },
	}
}

// flagless returns a target without flags.
func flagless(from, to *target) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	from.flags(fs, "")
	to.flags(fs, "to-")
}

// stopping is a store that calls stop after some Saves.
type stopping struct {
	driver.Store
	mu    sync.Mutex
	after int
	stop  func()
}

func (s *stopping) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	err := s.Store.Save(ctx, key, old, rec)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.after--; s.after == 0 {
		s.stop()
	}
	return err
}

// halting is a store that calls stop after some Deletes.
type halting struct {
	driver.Store
	after int
	stop  func()
}

func (h *halting) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	if h.after--; h.after < 0 {
		h.stop()
		return ctx.Err()
	}
	return h.Store.Delete(ctx, key, v)
}

func (h *halting) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return h.Store.(driver.Owners).Owned(ctx, owner)
}

// meddling is a store in which a program changes each session just before it is
// deleted.
type meddling struct{ driver.Store }

func (m meddling) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return m.Store.(driver.Lister).All(ctx)
}

func (m meddling) Delete(ctx context.Context, key driver.Key, v driver.Version) error {
	rec, err := m.Store.Load(ctx, key)
	if err != nil {
		return err
	}
	old := rec.Version
	rec.Version++
	if err := m.Store.Save(ctx, key, old, rec); err != nil {
		return err
	}
	return m.Store.Delete(ctx, key, v)
}
