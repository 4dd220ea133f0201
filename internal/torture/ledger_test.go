//go:build linux

package main

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"
)

// history is a ledger to which a test adds requests and responses.
type history struct {
	t *testing.T
	l *ledger
	s *session
}

func newHistory(t *testing.T) *history {
	h := &history{t: t, l: newLedger(newFaultTimeline())}
	h.s = h.l.newSession("m")
	c := h.begin(&operation{Life: create, Mark: "m"})
	c.finish(response{status: 200, cookies: []*http.Cookie{{Value: tokenOf(1)}}})
	return h
}

func tokenOf(n byte) string {
	return base64.RawURLEncoding.EncodeToString(make([]byte, 63)) + string('A'+rune(n)) + "A"
}

func (h *history) begin(o *operation) *request { return h.l.begin(h.s, h.s.current, o, nil) }

// seen returns a response with the session's contents.
func seen(r reply) response {
	r.Mark = "m"
	return response{status: 200, reply: r}
}

func (h *history) wants(b breach, n int) {
	h.t.Helper()
	if got := h.l.of(b); got != n || h.l.total() != n {
		h.t.Errorf("%d × %q, want %d; all: %v", got, b, n, h.l.first)
	}
}

func counted(n int) reply { return reply{Counts: [counters]int{n}} }

var plusOne = []change{{Kind: count}}

func TestUnsureOutcomeAllowsBoth(t *testing.T) {
	for n, want := range map[int]breach{0: lostWrite, 1: "", 2: "", 3: inexact} {
		h := newHistory(t)
		h.begin(&operation{Changes: plusOne}).finish(seen(counted(0)))
		h.begin(&operation{Changes: plusOne}).finish(response{outcome: unknown})
		h.begin(&operation{Changes: plusOne}).finish(response{outcome: notDone})
		h.begin(&operation{}).finish(seen(counted(n)))
		if want == "" {
			h.wants(lostWrite, 0)
		} else {
			h.wants(want, 1)
		}
	}
}

func TestWriteInProgressMayBeVisible(t *testing.T) {
	h := newHistory(t)
	read := h.begin(&operation{})
	add := h.begin(&operation{Changes: plusOne})
	read.finish(seen(counted(1)))
	read = h.begin(&operation{})
	add.finish(seen(counted(0)))
	read.finish(seen(counted(0)))
	h.wants(lostWrite, 0)
	h.begin(&operation{}).finish(seen(counted(0)))
	h.wants(lostWrite, 1)
}

func TestTwoRequestsMustNotReportTheSameTotal(t *testing.T) {
	h := newHistory(t)
	a, b := h.begin(&operation{Changes: plusOne}), h.begin(&operation{Changes: plusOne})
	a.finish(seen(reply{Saved: true, Totals: [counters]int{1}}))
	b.finish(seen(reply{Saved: true, Totals: [counters]int{1}}))
	h.wants(lostWrite, 1)
}

func cell0(seq int64) reply {
	if seq == 0 {
		return reply{}
	}
	return reply{Cells: [cells]sighting{{Mark: "m", Seq: seq}}}
}

func TestLastWriteWins(t *testing.T) {
	put := func(seq int64) *operation { return &operation{Changes: []change{{Kind: set, Seq: seq}}} }
	for seq, want := range map[int64]breach{0: lostWrite, 1: lostWrite, 2: "", 3: "", 4: uncommitted, 5: crossTalk} {
		h := newHistory(t)
		h.begin(put(1)).finish(seen(cell0(0)))
		a, b := h.begin(put(2)), h.begin(put(3)) // concurrent: either may win
		b.finish(seen(cell0(1)))
		a.finish(seen(cell0(1)))
		h.begin(put(4)).finish(response{outcome: notDone})
		h.begin(&operation{}).finish(seen(cell0(seq)))
		if want == "" {
			h.wants(lostWrite, 0)
		} else {
			h.wants(want, 1)
		}
	}
}

func TestPopOnce(t *testing.T) {
	h := newHistory(t)
	popped := reply{Cells: [cells]sighting{ticket: {Mark: "m", Seq: 7}}, Popped: [cells]sighting{ticket: {Mark: "m", Seq: 7}}}
	h.begin(&operation{Changes: []change{{Kind: set, N: ticket, Seq: 7}}}).finish(seen(reply{}))
	pops := &operation{Changes: []change{{Kind: pop, N: ticket}}}
	a, b := h.begin(pops), h.begin(pops)
	a.finish(seen(popped))
	h.wants(twice, 0)
	b.finish(seen(popped))
	h.wants(twice, 1)
}

func TestMessageExistsUntilTaken(t *testing.T) {
	there := reply{Notes: []sighting{{Mark: "m", Seq: 9}}}
	add := &operation{Changes: []change{{Kind: note, Seq: 9}}}
	taking := &operation{Changes: []change{{Kind: take}}}
	t.Run("lost", func(t *testing.T) {
		h := newHistory(t)
		h.begin(add).finish(seen(reply{}))
		h.begin(&operation{}).finish(seen(there))
		h.begin(&operation{}).finish(seen(reply{}))
		h.wants(lostWrite, 1)
	})
	t.Run("taken", func(t *testing.T) {
		h := newHistory(t)
		h.begin(add).finish(seen(reply{}))
		taken := there
		taken.Taken = there.Notes
		h.begin(taking).finish(seen(taken))
		h.begin(&operation{}).finish(seen(reply{}))
		h.wants(lostWrite, 0)
		h.begin(&operation{}).finish(seen(there))
		h.wants(twice, 1)
	})
	t.Run("being taken", func(t *testing.T) {
		h := newHistory(t)
		h.begin(add).finish(seen(reply{}))
		h.begin(taking)
		h.begin(&operation{}).finish(seen(reply{}))
		fresh := &operation{Life: invalidate, Mark: "n", Changes: taking.Changes}
		gone := seen(reply{})
		gone.cookies = []*http.Cookie{{Value: tokenOf(2)}}
		h.begin(fresh).finish(gone) // its take is of the new session
		h.wants(lostWrite, 0)
	})
	t.Run("taken, perhaps", func(t *testing.T) {
		h := newHistory(t)
		h.begin(add).finish(seen(reply{}))
		h.begin(taking).finish(response{outcome: unknown})
		h.begin(&operation{}).finish(seen(reply{}))
		h.begin(&operation{}).finish(seen(there))
		h.wants(lostWrite, 0)
	})
}

func TestEndedSessionStaysEnded(t *testing.T) {
	deleted := []*http.Cookie{{MaxAge: -1}}
	t.Run("signed out", func(t *testing.T) {
		h := newHistory(t)
		early := h.begin(&operation{})
		out := seen(reply{})
		out.cookies = deleted
		h.begin(&operation{Life: signOut}).finish(out)
		early.finish(seen(reply{})) // it ran first
		h.begin(&operation{}).finish(response{status: 200})
		h.wants(deadAnswered, 0)
		h.begin(&operation{}).finish(seen(reply{}))
		h.wants(deadAnswered, 1)
	})
	t.Run("perhaps", func(t *testing.T) {
		h := newHistory(t)
		h.begin(&operation{Life: signOut}).finish(response{outcome: unknown})
		h.begin(&operation{}).finish(seen(reply{}))
		h.begin(&operation{}).finish(response{status: 200})
		h.wants(deadAnswered, 0)
		h.begin(&operation{}).finish(seen(reply{}))
		h.wants(deadAnswered, 1)
	})
	t.Run("not at all", func(t *testing.T) {
		h := newHistory(t)
		h.begin(&operation{}).finish(response{status: 200})
		h.wants(anonymous, 1)
	})
	t.Run("while the store is down", func(t *testing.T) {
		h := newHistory(t)
		defer h.l.timeline.begin(fault{name: "outage", backend: true})()
		h.begin(&operation{}).finish(response{status: 200})
		h.wants(whileDown, 1)
	})
	t.Run("renewed", func(t *testing.T) {
		h := newHistory(t)
		old := h.s.current
		r := seen(reply{})
		r.cookies = []*http.Cookie{{Value: tokenOf(2)}}
		h.begin(&operation{Life: renew}).finish(r)
		h.begin(&operation{}).finish(seen(reply{}))
		h.wants(deadAnswered, 0)
		h.l.begin(h.s, old, &operation{}, nil).finish(seen(reply{}))
		h.wants(deadAnswered, 1)
	})
}

func TestEvictionIsNotAViolation(t *testing.T) {
	h := newHistory(t)
	h.l.lastLoss = func(string) tick { return h.l.tick() }
	h.begin(&operation{}).finish(response{status: 200})
	h.wants(anonymous, 0)
	if n := h.l.tally.evictions.Load(); n != 1 {
		t.Errorf("%d evictions", n)
	}
}

func TestSignOutOfOthers(t *testing.T) {
	l := newLedger(newFaultTimeline())
	own := &owner{name: "user:1"}
	device := func(n byte) (*session, *token) {
		s := l.newSession(string('a' + rune(n)))
		l.begin(s, nil, &operation{Life: create}, nil).finish(response{status: 200, cookies: []*http.Cookie{{Value: tokenOf(2 * n)}}})
		l.begin(s, s.current, &operation{Life: signIn, Owner: own.name}, own).finish(response{
			status: 200, reply: reply{Mark: s.mark}, cookies: []*http.Cookie{{Value: tokenOf(2*n + 1)}}})
		return s, s.current
	}
	mine, _ := device(1)
	other, token := device(2)
	out := l.begin(mine, mine.current, &operation{Life: signOutOthers}, own)
	l.begin(other, token, &operation{}, nil).finish(response{status: 200}) // a sign-out in progress may have ended it
	out.finish(response{status: 200, reply: reply{Mark: mine.mark, Owner: own.name}})
	if l.total() > 0 {
		t.Error(l.first)
	}
	l.begin(other, token, &operation{}, nil).finish(response{status: 200, reply: reply{Mark: other.mark, Owner: own.name}})
	if l.of(deadAnswered) != 1 {
		t.Error("no violation for another device that is still signed in")
	}
	l.begin(mine, mine.current, &operation{}, nil).finish(response{status: 200})
	if l.of(anonymous) != 1 {
		t.Error("no violation for this device being signed out")
	}
}

// A server may sign the others out after the requesting client has disconnected, and
// with them a session that signed in since, but not the one that is excepted, even if
// it was renewed since.
func TestLateSignOutOfOthers(t *testing.T) {
	for _, late := range []bool{true, false} {
		l := newLedger(newFaultTimeline())
		own := &owner{name: "user:1"}
		sign := func(s *session, life life, n byte) {
			r := response{status: 200, cookies: []*http.Cookie{{Value: tokenOf(n)}}}
			switch life {
			case signIn:
				r.reply = reply{Mark: s.mark}
			case renew:
				r.reply = reply{Mark: s.mark, Owner: own.name}
			}
			l.begin(s, s.current, &operation{Life: life, Mark: s.mark}, own).finish(r)
		}
		mine, other := l.newSession("a"), l.newSession("b")
		sign(mine, create, 1)
		sign(mine, signIn, 2)
		sign(other, create, 3)
		l.begin(mine, mine.current, &operation{Life: signOutOthers}, own).finish(response{outcome: unknown})
		if !late {
			own.late, mine.late = time.Time{}, time.Time{} // long past
		}
		sign(other, signIn, 4)
		sign(mine, renew, 5)
		for _, s := range []*session{mine, other} {
			l.begin(s, s.current, &operation{}, nil).finish(response{status: 200})
		}
		want := 2
		if late {
			want = 1
		}
		if n := l.of(anonymous); n != want || l.total() != want {
			t.Errorf("late %v: %d × %q, want %d, and in all %v", late, n, anonymous, want, l.first)
		}
	}
}

func TestExpiry(t *testing.T) {
	start := func(timeout time.Duration) *history {
		h := &history{t: t, l: newLedger(newFaultTimeline())}
		h.s = h.l.newSession("m")
		h.begin(&operation{Life: create, Timeout: timeout.Milliseconds()}).finish(response{status: 200, cookies: []*http.Cookie{{Value: tokenOf(1)}}})
		return h
	}
	h := start(time.Hour)
	h.begin(&operation{}).finish(seen(reply{}))
	h.wants(lateAnswered, 0)
	h.s.used = time.Now().Add(-2 * time.Hour)
	h.begin(&operation{}).finish(seen(reply{}))
	h.wants(lateAnswered, 1)

	h = start(time.Hour)
	h.begin(&operation{}).finish(response{status: 200})
	h.wants(anonymous, 1) // too early

	h = start(time.Hour)
	h.s.created = time.Now().Add(-2 * time.Hour)
	h.begin(&operation{}).finish(response{status: 200})
	h.wants(anonymous, 0)
}

func TestForwardsThatAreCertain(t *testing.T) {
	answer := func(n byte) response {
		r := seen(reply{})
		r.cookies = []*http.Cookie{{Value: tokenOf(n)}}
		return r
	}
	t.Run("renewed", func(t *testing.T) {
		h := newHistory(t)
		old := h.s.current
		h.begin(&operation{Life: renew}).finish(answer(2))
		if !old.forwards(h.l.tick()) {
			t.Error("no forward after a renewal")
		}
	})
	t.Run("invalidated", func(t *testing.T) {
		h := newHistory(t)
		old := h.s.current
		h.begin(&operation{Life: invalidate, Mark: "n"}).finish(answer(2))
		if !old.forwards(h.l.tick()) {
			t.Error("no forward after an invalidate")
		}
	})
	t.Run("invalidated, perhaps after a sign-out", func(t *testing.T) {
		h := newHistory(t)
		old := h.s.current
		h.begin(&operation{Life: signOut})
		h.begin(&operation{Life: invalidate, Mark: "n"}).finish(answer(2))
		if old.forwards(h.l.tick()) {
			t.Error("the sign-out may have removed the record before")
		}
	})
	t.Run("invalidated twice", func(t *testing.T) {
		h := newHistory(t)
		old := h.s.current
		a := h.begin(&operation{Life: invalidate, Mark: "n"})
		b := h.l.begin(h.s, old, &operation{Life: invalidate, Mark: "o"}, nil)
		a.finish(answer(2))
		b.finish(answer(3))
		if !h.l.session("n").mayForward() {
			t.Error("the second may have replaced the record that the first has created")
		}
	})
}
