//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A visit is a session of a user of its own, with which a client does what needs a
// certain order: it uses IDs that were renewed, signs in twice at the same time, or
// signs out devices that renew their sessions in a loop. The other clients are not
// involved, so the checker knows what every response must be.
type visit struct {
	ld    *load
	born  tick
	began time.Time
	mark  string
	owner string
	ids   []string // public IDs that the visit depends on
}

func (ld *load) visit() *visit {
	v := &visit{ld: ld, born: ld.l.tick(), began: time.Now(), mark: ld.mark()}
	v.owner = "visitor:" + v.mark
	v.register(v.mark)
	return v
}

// register makes the mark known to the audit, which does not judge its records:
// the visit has.
func (v *visit) register(mark string) { v.ld.l.newSession(mark).orphans = 1 << 30 }

// send sends a request with a token, or without one.
func (v *visit) send(o *operation, token string) response {
	return v.ld.cs.send(o, token, 0, time.Now())
}

// excused reports whether the store may have lost a record, or taken one for
// expired.
func (v *visit) excused() bool {
	l := v.ld.l
	if l.timeline.during(v.began, time.Now(), clockFault) {
		return true
	}
	for _, id := range v.ids {
		if l.lastLoss != nil && v.born < l.lastLoss(id) {
			return true
		}
	}
	return false
}

func (v *visit) fault(b breach, format string, args ...any) {
	if !v.excused() {
		v.ld.l.add(b, "visit %s: %s", v.mark, fmt.Sprintf(format, args...))
	}
}

// cookie returns the token that the response sets, or "".
func (v *visit) cookie(r *response) string {
	if r.outcome != committed || len(r.cookies) != 1 {
		return ""
	}
	tok := r.cookies[0].Value
	v.ids = append(v.ids, publicID(tok))
	return tok
}

// start creates the session, and returns "" if that is not certain.
func (v *visit) start() string {
	r := v.send(&operation{Life: create, Mark: v.mark}, "")
	return v.cookie(&r)
}

// signIn returns the new token, or "" if that is not certain.
func (v *visit) signIn(token string) string {
	r := v.send(&operation{Life: signIn, Owner: v.owner}, token)
	if r.reply.Mark != v.mark {
		return ""
	}
	return v.cookie(&r)
}

// lives checks that the token opens a session of the owner.
func (v *visit) lives(token string, b breach, why string) {
	r := v.send(&operation{}, token)
	if r.outcome == committed && (r.reply.Mark == "" || r.reply.Owner != v.owner) || r.outcome == sessionEnded {
		v.fault(b, "%s: the session is gone", why)
	}
}

// dead checks that the token opens nothing.
func (v *visit) dead(token string, b breach, why string) {
	r := v.send(&operation{}, token)
	if r.outcome == committed && r.reply.Mark != "" {
		v.fault(b, "%s: the session is alive", why)
	}
}

// useOldID signs in, and sends requests with the ID from before.
func (ld *load) useOldID(rng *rand.Rand) {
	v := ld.visit()
	old := v.start()
	if old == "" {
		return
	}
	token := v.signIn(old)
	if token == "" {
		return
	}
	for range 1 + rng.IntN(4) {
		v.late(old, rng)
	}
	v.lives(token, anonymous, "after late requests")
	o := &operation{Blind: true, Life: signOut}
	if rng.IntN(2) == 0 {
		o.Life, o.Mark = invalidate, ld.mark()
		v.register(o.Mark)
	}
	if r := v.send(o, old); r.outcome == committed {
		ld.l.tally.oldSignOuts.Add(1)
		v.dead(token, notSignedOut, fmt.Sprintf("after %s under the old ID", o.Life))
	}
}

// late sends a late request.
func (v *visit) late(old string, rng *rand.Rand) {
	ld := v.ld
	ld.l.tally.late.Add(1)
	switch n := rng.IntN(10); n {
	case 0, 1:
		r := v.send(&operation{Rotate: rng.IntN(2) == 0}, old)
		if r.reply.Mark != "" {
			v.fault(deadAnswered, "a late read shows session %s", r.reply.Mark)
		}
		v.noCookie(&r, "read")
	case 2, 3:
		what := []kind{pop, take}[n-2]
		r := v.send(&operation{Blind: true, Changes: []change{{Kind: what}}}, old)
		if len(r.reply.Taken) > 0 || r.reply.Popped != [cells]sighting{} {
			v.fault(deadAnswered, "a late %s returns something", what)
		}
		v.noCookie(&r, what)
	case 4:
		mark := ld.mark()
		v.register(mark)
		r := v.send(&operation{Blind: true, Life: signIn, Mark: mark, Owner: v.owner}, old)
		fresh := v.cookie(&r)
		if r.outcome == committed && fresh == "" || r.outcome == sessionEnded {
			v.fault(signInLost, "a late sign-in is answered %d without a cookie", r.status)
		}
		if fresh != "" {
			v.lives(fresh, anonymous, "after a late sign-in")
		}
	default:
		o := &operation{Blind: true, Life: settings, Mark: v.mark, Rotate: rng.IntN(2) == 0}
		if kinds := []kind{count, set, edit, unset, note}; rng.IntN(6) > 0 {
			what := kinds[rng.IntN(len(kinds))]
			o.Life, o.Changes = stay, []change{{Kind: what, Seq: ld.l.seq()}}
			if what == unset {
				o.Mark = "" // nothing to delete, and nothing else: a late change all the same
			}
		}
		r := v.send(o, old)
		if r.outcome == committed {
			v.fault(lateChanged, "%s %v is answered %d", o.Life, o.Changes, r.status)
		}
		v.noCookie(&r, "change")
	}
}

func (v *visit) noCookie(r *response, what any) {
	if len(r.cookies) > 0 {
		v.fault(lateChanged, "a late %v gets a cookie", what)
	}
}

// signInTwice sends the same sign-in twice at the same time.
func (ld *load) signInTwice() {
	v := ld.visit()
	token := v.start()
	if token == "" {
		return
	}
	ld.l.tally.doubleSignIns.Add(1)
	began := time.Now()
	var responses [2]response
	var wg sync.WaitGroup
	for i := range responses {
		wg.Go(func() {
			responses[i] = v.send(&operation{Blind: true, Life: signIn, Mark: v.mark, Owner: v.owner}, token)
		})
	}
	wg.Wait()
	signedIn := 0
	for i := range responses {
		if tok := v.cookie(&responses[i]); tok != "" {
			signedIn++
			v.lives(tok, anonymous, "after two sign-ins at once")
		}
	}
	if signedIn == 0 && !ld.l.timeline.faultSince(began) {
		v.fault(signInLost, "two sign-ins at once are answered %d and %d", responses[0].status, responses[1].status)
	}
	if signedIn > 0 {
		v.dead(token, deadAnswered, "two sign-ins at once, and the ID from before")
	}
}

// device is a client that renews its session in a loop.
type device struct {
	v       *visit
	token   atomic.Pointer[string] // the latest
	unknown bool                   // a response is missing
	stop    atomic.Bool
	gone    atomic.Bool // its session is known to have to be gone
}

// run renews until the session has ended, or until stop.
func (d *device) run() {
	for !d.stop.Load() {
		gone := d.gone.Load()
		r := d.v.send(&operation{Life: renew}, *d.token.Load())
		switch {
		case r.outcome == committed && r.reply.Mark == "", r.outcome == sessionEnded:
			return
		case gone && r.outcome == committed:
			d.v.fault(ownedLeft, "a session that was being renewed is alive after DestroyOwned")
			return
		}
		tok := d.v.renewed(&r)
		if tok == "" {
			d.unknown = true
			return
		}
		d.token.Store(&tok)
	}
}

var visitMu sync.Mutex

// renewed returns the token of a renewal, for devices that run at the same time.
func (v *visit) renewed(r *response) string {
	visitMu.Lock()
	defer visitMu.Unlock()
	return v.cookie(r)
}

// signOutDevices signs out an owner's devices while they renew their sessions: by
// DestroyOwned, in whichever process gets the request, without exceptions or but
// for one, which renews its session too.
func (ld *load) signOutDevices(rng *rand.Rand) {
	v := ld.visit()
	devices := make([]*device, 1+rng.IntN(3))
	for i := range devices {
		tok := v.start()
		if tok != "" {
			tok = v.signIn(tok)
		}
		if tok == "" {
			return
		}
		devices[i] = &device{v: v}
		devices[i].token.Store(&tok)
	}
	var wg sync.WaitGroup
	for _, d := range devices {
		wg.Go(d.run)
	}
	time.Sleep(time.Duration(rng.IntN(5000)) * time.Microsecond)
	others, acked := devices, false
	if excepted := devices[0]; len(devices) > 1 && rng.IntN(2) == 0 {
		others = devices[1:]
		for range 5 { // its ID may be out of date on arrival
			r := v.send(&operation{Life: signOutOthers}, *excepted.token.Load())
			if acked = r.outcome == committed && r.reply.Mark != "" && r.reply.Others == ""; acked {
				break
			}
		}
		defer func() {
			if acked && !excepted.unknown {
				v.lives(*excepted.token.Load(), anonymous, "the excepted device")
			}
		}()
	} else {
		r := v.send(&operation{Blind: true, Life: destroyOwned, Owner: v.owner}, "")
		acked = r.outcome == committed && r.reply.Others == ""
	}
	for i, d := range devices {
		if acked && (len(others) == len(devices) || i > 0) {
			d.gone.Store(true)
		} else {
			d.stop.Store(true)
		}
	}
	wg.Wait()
	if !acked {
		return
	}
	ld.l.tally.signOutRounds.Add(1)
	certain := !ld.l.timeline.faultSince(v.began) // else there may be a record that no client can open
	for _, d := range devices {
		certain = certain && !d.unknown
	}
	for _, d := range others {
		if !d.unknown {
			v.dead(*d.token.Load(), ownedLeft, "after DestroyOwned")
		}
	}
	if r := v.send(&operation{Life: listOwned, Owner: v.owner}, ""); certain && r.outcome == committed && r.reply.Others == "" {
		if left := len(devices) - len(others); len(r.reply.Devices) != left {
			v.fault(ownedLeft, "the owner has %d sessions after DestroyOwned, want %d", len(r.reply.Devices), left)
		}
	}
}
