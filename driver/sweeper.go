package driver

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// StartSweeper calls sweep every Config.SweepInterval until stop is called. Each
// interval varies randomly by up to a tenth, so that several processes do not
// sweep at once. Errors are logged. stop cancels the context of a sweep in progress
// and waits for it to return; it may be called more than once. A Store's Close
// calls stop before Gate.Close, which would wait for the sweep to complete. If the
// interval is negative, StartSweeper does nothing.
func StartSweeper(cfg Config, sweep func(context.Context) (int, error)) (stop func()) {
	if cfg.SweepInterval < 0 {
		return func() {}
	}
	cfg = cfg.WithDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTimer(spread(cfg.SweepInterval))
		defer timer.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			n, err := sweep(ctx)
			switch {
			case err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed):
				cfg.Logger.Warn("sessions: removing expired records failed", "error", err)
			case n > 0:
				cfg.Logger.Debug("sessions: expired records removed", "count", n)
			}
			timer.Reset(spread(cfg.SweepInterval))
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// spread returns d, changed randomly by up to a tenth.
func spread(d time.Duration) time.Duration {
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}
