package natsdriver

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/pump-go/sessions/driver"
)

// All yields every live session, one first digit after the other, so that the
// names of a sixteenth of the sessions are in memory at once.
func (s *store) All(ctx context.Context) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		for _, digit := range "0123456789abcdef" {
			if !s.list(ctx, s.prefix+".s."+string(digit)+".", func(driver.Record) bool { return true }, yield) {
				return
			}
		}
	}
}

// Owned yields the live sessions of an owner.
func (s *store) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		if owner != "" {
			// The index may name a session that has another owner by now.
			s.list(ctx, s.owned(owner), func(rec driver.Record) bool { return rec.Owner == owner }, yield)
		}
	}
}

// list yields the sessions whose keys follow prefix in the bucket, and reports
// whether to go on. It fetches the names in one step and holds nothing meanwhile.
func (s *store) list(ctx context.Context, prefix string, keep func(driver.Record) bool, yield func(driver.Entry, error) bool) bool {
	var names map[string]uint64
	err := s.call(ctx, "list", func(stream jetstream.Stream) error {
		info, err := stream.Info(ctx, jetstream.WithSubjectFilter(prefix+"*"))
		if err == nil {
			names = info.State.Subjects
		}
		return err
	})
	if err != nil {
		yield(driver.Entry{}, err)
		return false
	}
	for name := range names {
		key, err := driver.ParseKey(strings.TrimPrefix(name, prefix))
		if err != nil {
			continue // another program's
		}
		rec, err := s.Load(ctx, key)
		switch {
		case errors.Is(err, driver.ErrNotFound), err == nil && !keep(rec):
		case err == nil, errors.Is(err, driver.ErrCorrupt), errors.Is(err, driver.ErrNewerFormat):
			if !yield(driver.Entry{Key: key, Record: rec}, err) {
				return false
			}
		default:
			yield(driver.Entry{}, err)
			return false
		}
	}
	return true
}
