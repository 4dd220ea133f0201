package main

import (
	"context"
	"flag"
	"io"
	"strings"
	"sync"

	"github.com/pump-go/sessions/driver"
)

// quiet is a console in the place's environment that nobody looks at.
func quiet(p place) *console {
	return &console{
		in: strings.NewReader(""), out: io.Discard, err: io.Discard,
		env: func(name string) (string, bool) { v, ok := p[name]; return v, ok },
	}
}

// flagless are targets that no flag names.
func flagless(from, to *target) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	from.flags(fs, "")
	to.flags(fs, "to-")
}

// stopping is a store that calls stop after some saves.
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
