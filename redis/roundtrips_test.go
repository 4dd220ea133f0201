//go:build unix

package redis_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/internal/site"
	"github.com/pump-go/sessions/redis"
)

// trips counts the round trips of a client.
type trips struct{ atomic.Int64 }

func (n *trips) DialHook(next goredis.DialHook) goredis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (n *trips) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if name := cmd.Name(); name != "config" && name != "info" { // of the check of the eviction policy, in the background
			n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (n *trips) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []goredis.Cmder) error { n.Add(1); return next(ctx, cmds) }
}

// The package documentation and docs/operations.md have these numbers.
func TestRoundTripsOfASignIn(t *testing.T) {
	server, _ := own(t)
	c := goredis.NewClient(&goredis.Options{Addr: server.Addr, ContextTimeoutEnabled: true})
	defer c.Close()
	n := new(trips)
	c.AddHook(n)
	m, err := sessions.New(t.Context(), sessions.Options{Driver: redis.New(c, redis.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	signIn := func(owner string) int64 { return site.SignIn(t, m, owner, n.Load) }
	signIn("") // loads the script
	for _, owner := range []string{"", "user:42", "user:43"} {
		if got := signIn(owner); got != 2 {
			t.Errorf("from owner %q: got %d, want 2", owner, got)
		}
	}
}
