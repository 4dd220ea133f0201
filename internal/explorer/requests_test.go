package explorer

import (
	"context"
	"net/http"

	"github.com/pump-go/sessions"
)

// What the session S holds when a run starts. S is recognized by base.
const (
	base  sessions.Key[bool]     = "base"
	count sessions.Key[int]      = "count"
	item  sessions.Key[string]   = "item"
	notes sessions.Flash[string] = "notes"

	owner, newOwner = "user:1", "user:2"
	firstCount      = 1
	firstItem       = "the item"
	firstNote       = "the note"
)

func fill(s *sessions.Session) {
	base.Set(s, true)
	count.Set(s, firstCount)
	item.Set(s, firstItem)
	notes.Add(s, firstNote)
	s.SetOwner(owner)
}

// mark is the value that the request sets, for it to be found afterwards.
func (r *request) mark() sessions.Key[bool] { return marks[r.index] }

var marks = [...]sessions.Key[bool]{"mark 0", "mark 1", "mark 2"}

// operation is what a request does.
type operation struct {
	name string
	do   func(ctx context.Context, m *sessions.Manager, s *sessions.Session, r *request) error
	kind
}

// kind says what the rules must know of an operation.
type kind struct {
	late    bool // it carries the ID from before the renewal
	marks   bool // it sets its mark
	changes bool // it changes a value or a setting
	signsIn bool // it may begin a session with a cookie, under an old ID too
	ends    bool // it ends S
	moves   bool // it gives S another ID
}

var operations = []operation{
	{"read", read, kind{}},
	{"set", set, kind{marks: true, changes: true}},
	{"update", update, kind{changes: true}},
	{"pop", pop, kind{}},
	{"flash", addFlash, kind{changes: true}},
	{"take", take, kind{}},
	{"renew", renew, kind{marks: true, signsIn: true, moves: true}},
	{"invalidate", invalidate, kind{ends: true}},
	{"set-owner", setOwner, kind{signsIn: true}},
	{"destroy", destroy, kind{ends: true}},
	{"read-destroy", readDestroy, kind{ends: true}},
	{"destroy-owned", destroyOwned, kind{ends: true}},
	{"destroy-others", destroyOthers, kind{}},
	{"late-read", read, kind{late: true}},
	{"late-set", set, kind{late: true, marks: true, changes: true}},
	{"late-update", update, kind{late: true, changes: true}},
	{"late-flash", addFlash, kind{late: true, changes: true}},
	{"late-renew", renew, kind{late: true, marks: true, signsIn: true}},
	{"late-set-owner", setOwner, kind{late: true, signsIn: true}},
	{"late-destroy", destroy, kind{late: true, ends: true}},
	{"late-invalidate", invalidate, kind{late: true, ends: true}},
}

// see notes whether the request has S before it.
func (r *request) see(s *sessions.Session) { r.sawS = base.Has(s) }

func read(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	count.Get(s)
	return nil
}

func set(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	r.mark().Set(s, true)
	return nil
}

func update(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	count.Update(s, func(n int) int { return n + 1 })
	return nil
}

func pop(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	_, r.popped = item.Pop(s)
	return nil
}

func addFlash(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	notes.Add(s, string(r.mark()))
	return nil
}

func take(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	r.took = notes.Take(s)
	return nil
}

func renew(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	r.mark().Set(s, true)
	return s.Renew()
}

func invalidate(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	return s.Invalidate()
}

func setOwner(_ context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	return s.SetOwner(newOwner)
}

// destroy leaves it to the commit to try again, and to report a failure.
func destroy(ctx context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	_ = s.Destroy(ctx)
	return nil
}

func readDestroy(ctx context.Context, _ *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	if s.Err() == nil {
		_ = s.Destroy(ctx)
	}
	return nil
}

// destroyOwned is an operator's request: it has no cookie and uses no session.
func destroyOwned(ctx context.Context, m *sessions.Manager, _ *sessions.Session, _ *request) error {
	_, err := m.DestroyOwned(ctx, owner)
	return err
}

// destroyOthers is "sign out my other devices".
func destroyOthers(ctx context.Context, m *sessions.Manager, s *sessions.Session, r *request) error {
	r.see(s)
	if s.Owner() == "" {
		return nil
	}
	_, err := m.DestroyOwned(ctx, s.Owner(), s)
	return err
}

// handler carries out the request's operation.
func (r *request) handler() http.Handler {
	return r.manager.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := r.op.do(req.Context(), r.manager, sessions.FromContext(req.Context()), r)
		if err != nil && sessions.FromContext(req.Context()).Err() == nil {
			http.Error(w, "the operation failed", http.StatusServiceUnavailable)
		}
	}))
}
