//go:build linux

package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
)

// suspicious passes on what the library logs and no fault explains; of failures
// there are many, and the checker hears of them. What a server process says on
// its standard error is a violation.
type suspicious struct{ slog.Handler }

func newLogger() *slog.Logger { return slog.New(suspicious{slog.NewTextHandler(os.Stderr, nil)}) }

func (h suspicious) Handle(ctx context.Context, rec slog.Record) error {
	for _, words := range []string{"damaged record", "does not fit"} {
		if strings.Contains(rec.Message, words) {
			return h.Handler.Handle(ctx, rec)
		}
	}
	return nil
}
