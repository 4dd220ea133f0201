package database

import "context"

// sweepBatchSize is the maximum number of rows that one statement of a sweep removes.
// It takes a few milliseconds, during which SQLite admits no other writer.
const sweepBatchSize = 200

// Sweep implements driver.Sweeper.
func (s *store) Sweep(ctx context.Context) (int, error) {
	removed, now := 0, s.now()
	for {
		n, err := s.sweepBatch(ctx, now)
		removed += n
		if err != nil {
			return removed, s.fail(ctx, "sweep", err)
		}
		if n < sweepBatchSize {
			return removed, nil
		}
	}
}

func (s *store) sweepBatch(ctx context.Context, now int64) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	n, err := s.sweep.exec(ctx, s.cfg.Namespace, now, sweepBatchSize)
	return int(n), err
}
