package sessions

import (
	"hash/maphash"
	"sync/atomic"
)

// renewals tells DestroyOwned which of its listings this process's renewals may
// have slipped through. A renewed session has its new id before it loses the old
// one, so that the store always has it; but a listing that came too early for
// the one may come too late for the other.
type renewals struct {
	seed   maphash.Seed
	owners [256]renewed // owners share one by chance
}

// renewed is what is known of an owner's renewals.
type renewed struct {
	listings atomic.Uint64 // how many have begun
	moved    atomic.Uint64 // how many had, when a session moved last
}

func newRenewals() *renewals { return &renewals{seed: maphash.MakeSeed()} }

func (r *renewals) of(owner string) *renewed {
	return &r.owners[maphash.String(r.seed, owner)%uint64(len(r.owners))]
}

// moves is called when a session is stored under its new id, and not removed
// under the old one yet.
func (r *renewed) moves() {
	n := r.listings.Load()
	for was := r.moved.Load(); was < n && !r.moved.CompareAndSwap(was, n); was = r.moved.Load() {
	}
}

// list begins a listing. What it returns tells, at the listing's end, whether
// a session moved in its course. One that moved before it was there to see under
// the new id, and one that moves after it was, under the old one.
func (r *renewed) list() (missed func() bool) {
	n := r.listings.Add(1)
	return func() bool { return r.moved.Load() >= n }
}
