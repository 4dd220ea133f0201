package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/dbm"
	"github.com/pump-go/sessions/driver"
)

// An error of Open is reported as invalid options, unless it is the disk's or the
// system's.
func TestExitCodeOfOpen(t *testing.T) {
	for fault, code := range map[error]int{
		errors.New("Options.DataDir is empty"): exitUsage,
		fs.ErrNotExist:                         exitUsage,
		fs.ErrPermission:                       exitFailed,
		syscall.ENOSPC:                         exitFailed,
		dbm.ErrDamaged:                         exitFailed,
		driver.ErrNewerFormat:                  exitFailed,
	} {
		_, err := openStore(t.Context(), sessions.Options{Driver: driver.OpenFunc(func(context.Context, driver.Config) (driver.Store, error) {
			return nil, fmt.Errorf("some store: open: %w", fault)
		})})
		if got := exitCode(t.Context(), err); !errors.Is(err, fault) || got != code {
			t.Errorf("%v: exit code %d, want %d", err, got, code)
		}
	}
}
