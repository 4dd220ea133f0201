package natsdriver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/pump-go/sessions/driver"
)

// maxData is the largest Data. A NATS server takes messages of 1 MiB unless it
// is configured otherwise; the rest is for the owner, the times and the headers.
const maxData = 1020 << 10

type store struct {
	gate   driver.Gate
	conn   *nats.Conn
	js     jetstream.JetStream
	bucket string
	prefix string // of all subjects of the namespace
	now    func() time.Time
	stream atomic.Pointer[jetstream.Stream] // the bucket's, once it was found or made
}

func (s *store) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	err = s.call(ctx, "load", func(stream jetstream.Stream) error {
		rec, _, err = s.read(ctx, stream, key)
		return err
	})
	return rec, err
}

func (s *store) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	return s.call(ctx, "save", func(stream jetstream.Stream) error { return s.write(ctx, stream, key, old, rec) })
}

// Touch writes the whole record, as it may: it is the record of that version.
func (s *store) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return s.call(ctx, "touch", func(stream jetstream.Stream) error { return s.write(ctx, stream, key, rec.Version, rec) })
}

func (s *store) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	return s.call(ctx, "delete", func(stream jetstream.Stream) error {
		if version == 0 {
			return stream.Purge(ctx, jetstream.WithPurgeSubject(s.subject(key)))
		}
		for tried := uint64(0); ; {
			rec, revision, err := s.read(ctx, stream, key)
			switch {
			case errors.Is(err, driver.ErrNotFound) || err == nil && rec.Version != version:
				return driver.ErrConflict
			case err != nil:
				return err
			case revision == tried:
				return errors.New("the server does not delete the message")
			}
			err = stream.DeleteMsg(ctx, revision)
			if !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
				return err
			}
			tried = revision // most likely another call was faster: look again
		}
	})
}

func (s *store) Close() error {
	return s.gate.Close(func() error { s.conn.Close(); return nil })
}

// call runs one call of the contract, with the bucket's stream.
func (s *store) call(ctx context.Context, op string, f func(jetstream.Stream) error) error {
	err := s.gate.Enter()
	if err == nil {
		defer s.gate.Leave()
		var stream jetstream.Stream
		if err = ctx.Err(); err == nil {
			stream, err = s.ready(ctx)
		}
		if err == nil {
			err = f(stream)
		}
		if errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse) {
			s.stream.Store(nil) // removed behind our back: the next call makes it again
		}
	}
	if err != nil {
		return fmt.Errorf("natsdriver: %s: %w", op, err)
	}
	return nil
}

// ready returns the bucket's stream, and makes it if it is not there.
func (s *store) ready(ctx context.Context) (jetstream.Stream, error) {
	if p := s.stream.Load(); p != nil {
		return *p, nil
	}
	stream, err := s.js.CreateStream(ctx, jetstream.StreamConfig{
		Name:              "KV_" + s.bucket,
		Subjects:          []string{"$KV." + s.bucket + ".>"},
		MaxMsgsPerSubject: 1,                    // the last revision of each key
		Discard:           jetstream.DiscardNew, // when full, refuse writes and drop no session
		AllowMsgTTL:       true,
	})
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // made with other settings
		stream, err = s.js.Stream(ctx, "KV_"+s.bucket)
	}
	if err != nil {
		return nil, err
	}
	if c := stream.CachedInfo().Config; c.AllowDirect || !c.AllowMsgTTL || c.MaxMsgsPerSubject != 1 || c.DenyDelete || c.DenyPurge {
		return nil, fmt.Errorf("KV_%s needs AllowMsgTTL, MaxMsgsPerSubject 1, no AllowDirect, DenyDelete, DenyPurge", s.bucket)
	}
	s.stream.Store(&stream)
	return stream, nil
}

// read returns the live record at key and its revision. An expired or damaged
// record has a revision too; where there is no record, it is 0.
func (s *store) read(ctx context.Context, stream jetstream.Stream, key driver.Key) (driver.Record, uint64, error) {
	msg, err := stream.GetLastMsgForSubject(ctx, s.subject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return driver.Record{}, 0, driver.ErrNotFound
	}
	if err != nil {
		return driver.Record{}, 0, err
	}
	rec, err := driver.ParseRecord(msg.Data)
	if err == nil && rec.Expired(s.now()) {
		err = driver.ErrNotFound
	}
	if err != nil {
		return driver.Record{}, msg.Sequence, err
	}
	return rec, msg.Sequence, nil
}

// write puts rec in the place of the live record at version old, or of none.
func (s *store) write(ctx context.Context, stream jetstream.Stream, key driver.Key, old driver.Version, rec driver.Record) error {
	if len(rec.Data) > maxData {
		return fmt.Errorf("data of %d bytes, at most %d: %w", len(rec.Data), maxData, driver.ErrTooLarge)
	}
	b, err := driver.AppendRecord(nil, rec)
	if err != nil {
		return err
	}
	life := max(rec.Expires.Time().Sub(s.now()), 0) + time.Minute
	for {
		is, revision, err := s.read(ctx, stream, key)
		if err != nil && !errors.Is(err, driver.ErrNotFound) {
			return err
		}
		if is.Version != old { // 0 where nothing was found
			return driver.ErrConflict
		}
		if rec.Owner != "" { // first the index, so that it misses no session
			if err := s.put(ctx, s.owned(rec.Owner)+key.String(), nil, life); err != nil {
				return err
			}
		}
		err = s.put(ctx, s.subject(key), b, life, jetstream.WithExpectLastSequencePerSubject(revision))
		if !isWrongRevision(err) {
			return err
		}
		// Nothing was written: the server says that the revision is another. A
		// Touch changes it and leaves the version, so look again.
	}
}

// put publishes a message that the server removes after life, in a century at most.
func (s *store) put(ctx context.Context, subject string, data []byte, life time.Duration, opts ...jetstream.PublishOpt) error {
	life = min(life, 100*365*24*time.Hour).Truncate(time.Second)
	_, err := s.js.Publish(ctx, subject, data, append(opts, jetstream.WithMsgTTL(life), jetstream.WithRetryAttempts(0))...)
	return err
}

// isWrongRevision reports whether the server refused a write because of its
// condition: nothing was written, for certain.
func isWrongRevision(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// subject and owned are names in the bucket: $KV.bucket.namespace.s.4.4b3c… is a
// session, by the first digit of its key and the whole key, and
// $KV.bucket.namespace.o.YW5u.4b3c… says that it may belong to an owner.
func (s *store) subject(key driver.Key) string {
	hex := key.String()
	return s.prefix + ".s." + hex[:1] + "." + hex
}

func (s *store) owned(owner string) string {
	return s.prefix + ".o." + base64.RawURLEncoding.EncodeToString([]byte(owner)) + "."
}
