package redis

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions/driver"
)

var (
	//go:embed write.lua
	writeSource string
	//go:embed delete.lua
	deleteSource string
	//go:embed index.lua
	indexSource string
	//go:embed renew.lua
	renewSource string

	writeScript  = newScript(writeSource)
	deleteScript = newScript(deleteSource)
	indexScript  = newScript(indexSource)
	renewScript  = newScript(renewSource)
)

type script struct{ source, hash string }

func newScript(source string) script {
	return script{source, redis.NewScript(source).Hash()}
}

// once is a command that the client sends at most once. Without it, a client with
// MaxRetries, and a ClusterClient in any case, sends a command again whose answer was
// lost, and the second one would fail because of the first. Redirections and other
// refusals are still followed: the command was not executed then.
type once struct{ *redis.Cmd }

// NoRetry reports true.
func (once) NoRetry() bool { return true }

// run runs a script on one key, by its hash, and by its text if the server does not
// know the hash.
func (s *store) run(ctx context.Context, sc script, key string, args ...any) (any, error) {
	return s.runOn(ctx, sc, []string{key}, args...)
}

// runOn runs a script on several keys, as run does.
func (s *store) runOn(ctx context.Context, sc script, keys []string, args ...any) (any, error) {
	all := append(make([]any, 0, 3+len(keys)+len(args)), "evalsha", sc.hash, len(keys))
	for _, key := range keys {
		all = append(all, key)
	}
	all = append(all, args...)
	key := keys[0]
	value, err := s.send(ctx, key, all...)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		all[0], all[1] = "eval", sc.source
		value, err = s.send(ctx, key, all...)
	}
	return value, err
}

// send sends a command that writes to one key, once, and waits for replicas if it
// should.
func (s *store) send(ctx context.Context, key string, args ...any) (any, error) {
	if s.waitReplicas > 0 {
		return s.sendAndWait(ctx, key, args)
	}
	cmd := once{redis.NewCmd(ctx, args...)}
	_ = s.client.Process(ctx, cmd) // it is the command's error
	return cmd.Result()
}

// create stores a value if there is none, and reports whether there was none.
func (s *store) create(ctx context.Context, key driver.Key, value []byte, ttl int64) (bool, error) {
	_, err := s.send(ctx, s.recordName(key), "set", s.recordName(key), value, "nx", "px", ttl)
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	return err == nil, certain(err)
}

// change runs write.lua or delete.lua. It returns the entry of the record that was
// changed or removed, if that had an owner.
func (s *store) change(ctx context.Context, sc script, key driver.Key, version driver.Version, args ...any) (entry, error) {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(version))
	all := append(append(make([]any, 0, 4), int64(s.millis()), at[:]), args...)
	return entryBefore(s.run(ctx, sc, s.recordName(key), all...))
}

// entryBefore returns the entry in the answer of a script that changes a record.
func entryBefore(value any, err error) (entry, error) {
	switch {
	case errors.Is(err, redis.Nil):
		return entry{}, driver.ErrConflict
	case err != nil:
		return entry{}, certain(err)
	}
	before, ok := value.(string)
	if !ok || len(before) < 8 {
		return entry{}, nil
	}
	owner := before[:len(before)-8]
	return entry{id: binary.BigEndian.Uint64([]byte(before[len(owner):])), owner: owner}, nil
}

// certain adds ErrNotWritten to an error that means that the command was not
// executed: an error that the server returned, since a script returns none after it has
// written a record, and a connection that was not made.
func certain(err error) error {
	var refused redis.Error
	var op *net.OpError
	if errors.Is(err, errUnconfirmed) {
		return err
	}
	if errors.As(err, &refused) || errors.As(err, &op) && op.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout) {
		return fmt.Errorf("%w: %w", driver.ErrNotWritten, err)
	}
	return err
}

// errNoCluster explains a redirection that the client does not follow.
var errNoCluster = errors.New("the server is part of a Cluster: add cluster=true to Options.URL, or use a ClusterClient")

// withContextErr makes the error of a call whose context has ended wrap the
// context's. The connection has the same deadline, and its timer may be first.
func withContextErr(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done()
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		return fmt.Errorf("%w: %w", ended, err)
	}
	return err
}
