package explorer

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// outcome is what becomes of a store call.
type outcome byte

// The letters are those of a schedule's code.
const (
	answered   outcome = 'a'
	lostBefore outcome = 'x' // an error, and no effect
	lostAfter  outcome = 'y' // an error, after it took effect
	delayed    outcome = 'z' // an error, and it takes effect after all other calls
	takesPlace outcome = 'e' // the effect of the delayed call
)

// errLost is what the caller of a lost call gets.
var errLost = errors.New("no answer from the store")

// call is one store call of a request.
type call struct {
	request int
	op      string
	key     driver.Key // zero: a listing
	writes  bool
	blind   bool // writes whatever is there: a late one does not conflict
	outcome outcome
	err     error // of the effect, if there was one
	found   found // by a Load
	alive   bool  // the session S was alive then
}

// found is what a Load found.
type found byte

const (
	nothing found = iota
	session
	forward
)

// kindOf returns what a record is. A session's data begins with its format, 1; a
// forward's with 2.
func kindOf(rec driver.Record) found {
	if len(rec.Data) > 0 && rec.Data[0] == 2 {
		return forward
	}
	return session
}

// delayedCall is a call whose caller got an error, and whose effect is to come.
type delayedCall struct {
	request *request
	take    func()
}

// gate stands between a Manager and the store, and holds each call of a request
// until the scheduler lets it go on.
type gate struct {
	*mapStore
	run *run
}

// hold waits for the scheduler, and does what it has decided: effect is the call.
func (g gate) hold(ctx context.Context, c *call, effect func() error) error {
	r, _ := ctx.Value(requestKey{}).(*request)
	if r == nil {
		return effect() // a call of the set-up
	}
	c.request = r.index
	g.run.name(c.key)
	r.held = c
	c.outcome = <-r.resume
	r.calls = append(r.calls, c)
	g.run.trace = append(g.run.trace, c)
	take := func(c *call) {
		c.err = effect()
		c.alive = g.run.alive()
	}
	switch c.outcome {
	case lostBefore:
	case delayed:
		g.run.delayed = &delayedCall{request: r, take: func() {
			late := *c
			late.outcome = takesPlace
			take(&late)
			g.run.trace = append(g.run.trace, &late)
		}}
	default:
		take(c)
	}
	if c.outcome != answered {
		r.hit = true
		return errLost
	}
	return c.err
}

func (g gate) Load(ctx context.Context, key driver.Key) (rec driver.Record, err error) {
	c := &call{op: "Load", key: key}
	err = g.hold(ctx, c, func() (err error) {
		if rec, err = g.mapStore.Load(ctx, key); err == nil {
			c.found = kindOf(rec)
		}
		return err
	})
	if err != nil {
		return driver.Record{}, err
	}
	return rec, nil
}

func (g gate) Save(ctx context.Context, key driver.Key, old driver.Version, rec driver.Record) error {
	c := &call{op: "Save", key: key, writes: true}
	switch {
	case kindOf(rec) == forward:
		c.op = "Save forward"
	case old == 0:
		c.op, c.blind = "Save new", true
	}
	return g.hold(ctx, c, func() error {
		err := g.mapStore.Save(ctx, key, old, rec)
		switch id := g.run.name(key); {
		case err != nil:
		case old == 0:
			id.creator = c.request
		case kindOf(rec) == forward:
			id.ender = c.request
		}
		return err
	})
}

// renewerGate is the gate of a store that is a driver.Renewer.
type renewerGate struct{ gate }

func (g renewerGate) Renew(ctx context.Context, oldKey driver.Key, old driver.Version, forward driver.Record, key driver.Key, rec driver.Record) error {
	g.run.name(oldKey)
	c := &call{op: "Renew as", key: key, writes: true}
	return g.hold(ctx, c, func() error {
		err := g.mapStore.renew(ctx, oldKey, old, forward, key, rec)
		if err == nil {
			g.run.name(oldKey).ender = c.request
			g.run.name(key).creator = c.request
		}
		return err
	})
}

func (g gate) Touch(ctx context.Context, key driver.Key, rec driver.Record) error {
	return g.hold(ctx, &call{op: "Touch", key: key, writes: true}, func() error { return g.mapStore.Touch(ctx, key, rec) })
}

func (g gate) Delete(ctx context.Context, key driver.Key, version driver.Version) error {
	c := &call{op: "Delete", key: key, writes: true, blind: version == 0}
	return g.hold(ctx, c, func() error {
		_, was := g.live(key)
		err := g.mapStore.Delete(ctx, key, version)
		if err == nil && was {
			g.run.name(key).ender = c.request
		}
		return err
	})
}

// Owned implements driver.Owners. A listing may be as old as its beginning and as
// new as each record's turn: it takes the keys first, and reads each record when
// it yields it.
func (g gate) Owned(ctx context.Context, owner string) iter.Seq2[driver.Entry, error] {
	return func(yield func(driver.Entry, error) bool) {
		var keys []driver.Key
		err := g.hold(ctx, &call{op: "Owned"}, func() error {
			for _, key := range g.keys {
				if rec, ok := g.live(key); ok && rec.Owner == owner {
					keys = append(keys, key)
				}
			}
			return nil
		})
		if err != nil {
			yield(driver.Entry{}, err)
			return
		}
		for _, key := range keys {
			var rec driver.Record
			var ok bool
			c := &call{op: "Owned, next", key: key}
			if err := g.hold(ctx, c, func() error {
				if rec, ok = g.live(key); ok {
					c.found = kindOf(rec)
				}
				return nil
			}); err != nil {
				yield(driver.Entry{}, err)
				return
			}
			rec.Data = slices.Clone(rec.Data)
			if ok && rec.Owner == owner && !yield(driver.Entry{Key: key, Record: rec}, nil) {
				return
			}
		}
	}
}

// alive reports whether the session S is in the store, under any ID.
func (r *run) alive() bool {
	for key, rec := range r.store.records {
		if _, ok := r.store.live(key); !ok || kindOf(rec) == forward {
			continue
		}
		in, err := sessions.Inspect(rec)
		if err == nil && slices.ContainsFunc(in.Values, func(v sessions.Encoded) bool { return v.Name == string(base) }) {
			return true
		}
	}
	return false
}
