package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("file", New(Options{})) }

// Options are the settings of the store. The zero value is the registered
// default.
type Options struct {
	// Sync flushes each change to the disk before it is acknowledged, so that it
	// survives a power failure. By default a change survives only the end of the
	// program. The parameter sync of a URL overrides it.
	Sync bool
}

// New returns a driver for sessions.Options.Driver. Its Open returns an error if
// no directory is named, if it is not safe to use, or if the URL is invalid.
func New(o Options) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		o := o
		if cfg.URL != "" {
			dir, err := o.readURL(cfg.URL)
			switch {
			case err != nil:
				return nil, fmt.Errorf("file: open: %w", err)
			case dir != "" && cfg.DataDir != "":
				return nil, errors.New("file: open: Options.DataDir and Options.URL both name a directory: set one of them")
			case dir != "":
				cfg.DataDir = dir
			}
		}
		if cfg.DataDir == "" {
			return nil, errors.New("file: open: Options.DataDir is empty; set it to the directory for the sessions")
		}
		s, err := newStore(cfg.WithDefaults(), o)
		if err != nil {
			return nil, fmt.Errorf("file: open: %w", err)
		}
		return s, nil
	})
}
