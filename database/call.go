package database

import (
	"context"
	"sync"
	"time"

	"github.com/pump-go/sessions/driver"
)

// call is a use of a PostgreSQL connection of ours, and the context that
// database/sql is given for it: one that never ends. With one that can, both
// database/sql and lib/pq would start a goroutine for every statement, a good
// part of what a statement costs here. The end of the caller's context cuts
// the connection instead: see link.
type call struct {
	context.Context
	mu    sync.Mutex
	link  *link // in use
	over  bool  // the time is
	ended bool
	stop  func() bool
}

// neverEnding is what call answers with for its own end.
var neverEnding = context.Background()

// callKey is the key under which a context yields its call.
type callKey struct{}

func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func (c *call) Done() <-chan struct{}       { return neverEnding.Done() }
func (c *call) Err() error                  { return neverEnding.Err() }
func (c *call) Deadline() (time.Time, bool) { return neverEnding.Deadline() }

// newCall begins a call that is cut so long after the end of ctx.
func newCall(ctx context.Context, grace time.Duration) *call {
	c := &call{Context: ctx}
	c.stop = driver.AfterFunc(ctx, func() {
		if grace > 0 {
			time.AfterFunc(grace, c.cut)
			return
		}
		c.cut()
	})
	return c
}

// uses tells which connection the call has now. It is cut at once if the
// call's time is over.
func (c *call) uses(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link = l
	if c.over {
		l.abort()
	}
}

func (c *call) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.link != nil && !c.ended {
		c.link.abort()
	}
}

// end leaves the connection to others.
func (c *call) end() {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
}
