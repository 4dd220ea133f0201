package redisdriver

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

// maxData is the largest Data. Redis takes more, but serves nobody else while
// it copies it.
const maxData = 4 << 20

type store struct {
	gate    driver.Gate
	client  *redis.Client
	prefix  string
	now     func() time.Time
	stop    func()       // ends the sweeper
	release func() error // closes the client, if it was made here
}

var (
	_ driver.Lister  = (*store)(nil)
	_ driver.Owners  = (*store)(nil)
	_ driver.Sweeper = (*store)(nil)
)

func (s *store) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.call(ctx, "load", func() error {
		rec, err = s.record(s.client.HGet(ctx, s.name(key), "record"))
		return err
	})
	return rec, err
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.call(ctx, "save", func() error { return s.write(ctx, key, old, rec) })
}

// Touch writes the whole record, as it may: it is the record of that version.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.call(ctx, "touch", func() error { return s.write(ctx, key, rec.Version, rec) })
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	at := "any"
	if version != 0 {
		at = decimal(version)
	}
	return s.call(ctx, "delete", func() error {
		_, err := s.run(ctx, key, at)
		return err
	})
}

// Close ends the sweeper first: it may be in the midst of a long round.
func (s *store) Close() error {
	s.stop()
	return s.gate.Close(s.release)
}

// call runs one call of the contract.
func (s *store) call(ctx context.Context, op string, f func() error) error {
	err := s.gate.Enter()
	if err == nil {
		defer s.gate.Leave()
		if err = ctx.Err(); err == nil {
			err = ended(ctx, f())
		}
	}
	if err != nil {
		return fmt.Errorf("redisdriver: %s: %w", op, err)
	}
	return nil
}

// ended makes the error of a call whose time ran out wrap the context's. The
// connection has the same deadline, and may be a moment ahead.
func ended(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done()
	}
	if over := ctx.Err(); over != nil && !errors.Is(err, over) {
		return fmt.Errorf("%w: %w", over, err)
	}
	return err
}

// record reads what Load and a listing fetched. Nothing there and expired are
// the same.
func (s *store) record(answer *redis.StringCmd) (driver.Record, error) {
	b, err := answer.Bytes()
	switch {
	case err == redis.Nil:
		return driver.Record{}, driver.ErrNotFound
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return driver.Record{}, fmt.Errorf("%w: %w", driver.ErrCorrupt, err)
	case err != nil:
		return driver.Record{}, err
	}
	rec, err := driver.ParseRecord(b)
	if err != nil {
		return driver.Record{}, err
	}
	if rec.Expired(s.now()) {
		return driver.Record{}, driver.ErrNotFound
	}
	return rec, nil
}

// write puts rec in the place of the live record at version at, or of none.
func (s *store) write(ctx context.Context, key driver.Key, at driver.Version, rec driver.Record) error {
	if len(rec.Data) > maxData {
		return fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), maxData, driver.ErrTooLarge)
	}
	b, err := driver.AppendRecord(nil, rec)
	if err != nil {
		return err
	}
	_, err = s.run(ctx, key, decimal(at), decimal(rec.Version), int64(rec.Expires), rec.Owner, b)
	return err
}

//go:embed write.lua
var source string

var script = redis.NewScript(source)

// run runs write.lua, once: its digest, and then its text if the server did not
// know it and so has run nothing. It returns how many records were removed.
func (s *store) run(ctx context.Context, key driver.Key, at string, fields ...any) (int, error) {
	args := append([]any{s.now().UnixMilli(), key[:], at}, fields...)
	n, err := script.Run(ctx, s.client, []string{s.name(key), s.index(), s.expiry()}, args...).Int()
	if err == redis.Nil {
		return 0, driver.ErrConflict
	}
	return n, err
}

func (s *store) name(key driver.Key) string { return s.prefix + key.String() }
func (s *store) index() string              { return s.prefix + "index" }
func (s *store) expiry() string             { return s.prefix + "expiry" }

func decimal(v driver.Version) string { return strconv.FormatInt(int64(v), 10) }
