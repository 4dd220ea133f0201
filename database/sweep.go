package database

import "context"

// batch is how many rows one statement of a sweep removes at most: a few
// milliseconds' work, during which SQLite lets no other writer in.
const batch = 200

// Sweep removes the records that have expired.
func (s *store) Sweep(ctx context.Context) (int, error) {
	removed, now := 0, s.now()
	for {
		n, err := s.sweepBatch(ctx, now)
		removed += n
		if err != nil {
			return removed, s.fail(ctx, "sweep", err)
		}
		if n < batch {
			return removed, nil
		}
	}
}

func (s *store) sweepBatch(ctx context.Context, now int64) (int, error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.Leave()
	n, err := s.sweep.exec(ctx, s.cfg.Namespace, now, batch)
	return int(n), err
}
