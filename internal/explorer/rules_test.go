package explorer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// rule is what must hold after a run. Its text says how it was broken.
type rule string

const (
	badStatus    rule = "a request fails that lost no call, or is refused without a reason"
	endless      rule = "a request does not end"
	badCookie    rule = "a response has two cookies, or one that is none"
	lostSession  rule = "S is gone, and nobody ended it"
	lostChange   rule = "an acknowledged change is lost"
	ghostChange  rule = "a change is stored that was refused"
	miscount     rule = "an update is lost, or counted twice"
	doublePop    rule = "a popped value is given twice, or stays, or vanishes"
	lostFlash    rule = "a flash message is lost, or stays after it was taken"
	revived      rule = "S lives on after a request that ended it was acknowledged"
	oldIDOpens   rule = "S opens under an ID that a renewal replaced"
	twoRecords   rule = "S has two records, and no call was lost"
	deadCookie   rule = "a response sets a cookie for a session that does not live"
	refusedSets  rule = "a response that refuses sets a cookie"
	orphan       rule = "a session lives without its client's cookie, and no call of its request was lost"
	lockedOut    rule = "S lives, and the browser's cookie does not open it"
	forwardShown rule = "a request sees a session behind a forward"
	lateTouches  rule = "a late read records its access, or sets a cookie"

	// These need forwards.
	takeaway     rule = "a late request's cookie replaces the one of a live session"
	lateChange   rule = "a late change is not refused"
	lateSignIn   rule = "a late sign-in gets no session of its own"
	lateSignOut  rule = "a sign-out under an old ID leaves S alive"
	ownedMisses  rule = "DestroyOwned misses S, which was renewed meanwhile"
	exceptMisses rule = "DestroyOwned ends the session that it was to except, which was renewed meanwhile"
	renewedAway  rule = "S is gone by a renewal whose removal of the old ID got no answer"
)

// fault is one breach of a rule.
type fault struct {
	rule rule
	text string
}

func (r *run) fault(breach rule, format string, args ...any) {
	r.faults = append(r.faults, fault{breach, fmt.Sprintf(format, args...)})
}

// content is what a live session holds at the end.
type content struct {
	key   driver.Key
	isS   bool
	count int
	item  bool
	notes []string
	marks []bool
	owner string
}

// contents returns the live sessions. Forwards are none.
func (r *run) contents() (list []*content) {
	for s, err := range newManager(r.store, runsAt).All(context.Background()) {
		if err != nil {
			r.fault(badStatus, "listing the store: %v", err)
			continue
		}
		key, err := driver.ParseKey(s.ID())
		if err != nil {
			panic(err)
		}
		c := &content{key: key, isS: base.Has(s), item: item.Has(s), notes: notes.Peek(s), owner: s.Owner()}
		c.count, _ = count.Get(s)
		for _, mark := range marks[:len(r.requests)] {
			c.marks = append(c.marks, mark.Has(s))
		}
		list = append(list, c)
	}
	return list
}

// judgeCookie applies the rules of a cookie at the moment when the browser gets it.
func (r *run) judgeCookie(q *request) {
	if q.recorder.Code >= 400 {
		r.fault(refusedSets, "request %d", q.index)
	}
	if tok := q.issued(); tok != "" {
		i := r.name(keyOf(tok))
		if _, live := r.store.live(i.key); i.creator == none || !live && (i.ender == none || i.ender == q.index) {
			r.fault(deadCookie, "request %d, ID %s", q.index, r.letter(i.key))
		}
	}
	// Responses of requests that are not late may arrive in any order. A sign-out
	// signs out the browser, whatever it holds.
	if r.cookie == "" || r.cookie == q.token || q.op.signsIn || q.deletes() {
		return
	}
	// A sign-out leaves no forward: a writer who comes later begins a session.
	first := q.first()
	if first == nil || first.found == session || first.found == nothing && r.endedBy(first.key, ends) {
		return
	}
	if rec, live := r.store.live(keyOf(r.cookie)); live && kindOf(rec) == session {
		r.fault(takeaway, "request %d replaces the cookie of ID %s", q.index, r.letter(keyOf(r.cookie)))
	}
}

// judge applies the rules to a run that is over.
func (r *run) judge() {
	live := r.contents()
	s := r.theS(live)
	for _, q := range r.requests {
		r.judgeStatus(q)
		r.judgeLate(q)
	}
	r.judgeOwners(live)
	r.judgeEnd(live, s)
	if s != nil {
		r.judgeS(s)
	}
	for _, q := range r.requests {
		if q.op.marks {
			r.judgeMark(q, live, s)
		}
	}
	popped := 0
	for _, q := range r.requests {
		if q.popped && q.acknowledged() {
			popped++
		}
	}
	if popped > 1 {
		r.fault(doublePop, "%d requests have it", popped)
	}
}

// clientHas reports whether a client was ever given the ID.
func (r *run) clientHas(key driver.Key) bool {
	return key == keyOf(r.new) || slices.ContainsFunc(r.requests, func(q *request) bool {
		return q.issued() != "" && keyOf(q.issued()) == key
	})
}

// theS returns the record of S that a client can open, or nil.
func (r *run) theS(live []*content) *content {
	var all []*content
	for _, c := range live {
		if c.isS && r.clientHas(c.key) {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil
	}
	if len(all) > 1 {
		r.fault(twoRecords, "a client can open both")
	}
	return all[len(all)-1]
}

// others reports whether a request other than q, which may have had its effect, is
// of the kind.
func (r *run) others(q *request, is func(kind) bool) bool {
	return slices.ContainsFunc(r.requests, func(o *request) bool { return o != q && is(o.op.kind) && o.mayHave() })
}

// endedBy reports whether a request of the kind has removed the record at key.
func (r *run) endedBy(key driver.Key, is func(kind) bool) bool {
	i := r.name(key)
	return i.ender != none && is(r.ops[i.ender].kind)
}

func ends(k kind) bool  { return k.ends }
func moves(k kind) bool { return k.moves }

func (r *run) judgeStatus(q *request) {
	switch {
	case q.hit || q.acknowledged():
	case !q.refused():
		r.fault(badStatus, "request %d is answered %d", q.index, q.recorder.Code)
	case q.op.late, r.others(q, ends), r.others(q, moves), r.mayBeOvertaken(q):
	default:
		r.fault(badStatus, "request %d is answered 409", q.index)
	}
}

// mayBeOvertaken reports whether another request may have popped what q pops.
func (r *run) mayBeOvertaken(q *request) bool {
	return q.popped && slices.ContainsFunc(r.requests, func(o *request) bool { return o != q && o.popped && o.mayHave() })
}

// judgeLate applies the rules for requests whose ID has been replaced.
func (r *run) judgeLate(q *request) {
	first := q.first()
	if first == nil || first.op != "Load" {
		return
	}
	switch {
	case first.found == forward:
	case first.found == nothing && first.alive && first.outcome == answered && !r.endedBy(first.key, ends):
		// S lives under another ID, and nothing shows it.
		if q.op.changes && q.acknowledged() {
			r.fault(lateChange, "request %d is answered %d", q.index, q.recorder.Code)
		}
		return
	default:
		return
	}
	if q.sawS {
		r.fault(forwardShown, "request %d", q.index)
	}
	switch {
	case q.op.changes:
		if !q.hit && !q.refused() || q.cookie != nil {
			r.fault(lateChange, "request %d is answered %d", q.index, q.recorder.Code)
		}
	case q.op.signsIn && q.acknowledged():
		if tok := q.issued(); tok == "" || r.name(keyOf(tok)).creator != q.index {
			r.fault(lateSignIn, "request %d", q.index)
		}
	case q.op.signsIn || q.op.ends:
	default:
		touches := slices.ContainsFunc(r.trace, func(c *call) bool { return c.request == q.index && c.writes })
		if touches || q.cookie != nil || !q.acknowledged() && !q.hit {
			r.fault(lateTouches, "request %d is answered %d", q.index, q.recorder.Code)
		}
	}
}

// judgeOwners finds sessions that no client can open.
func (r *run) judgeOwners(live []*content) {
	for _, c := range live {
		i := r.name(c.key)
		if r.clientHas(c.key) || i.creator != none && r.requests[i.creator].hit {
			continue
		}
		r.fault(orphan, "ID %s", r.letter(c.key))
	}
}

// judgeEnd applies the rules for the end of S: it comes when a request that ends S
// is acknowledged, and not otherwise.
func (r *run) judgeEnd(live []*content, s *content) {
	mayHaveEnded := false
	for _, q := range r.requests {
		if !q.op.ends {
			continue
		}
		mayHaveEnded = mayHaveEnded || q.mayHave()
		if s == nil || !q.acknowledged() {
			continue
		}
		owned := q.op.name == "destroy-owned"
		switch {
		case owned && s.owner != owner:
		case owned && r.others(q, moves):
			r.fault(ownedMisses, "ID %s", r.letter(s.key))
		case q.op.late || r.others(q, moves):
			r.fault(lateSignOut, "request %d, ID %s", q.index, r.letter(s.key))
		default:
			r.fault(revived, "request %d, ID %s", q.index, r.letter(s.key))
		}
	}
	for _, q := range r.requests {
		if !(q.op.moves || q.op.name == "invalidate") || !q.acknowledged() || !q.sawS {
			continue
		}
		if rec, ok := r.store.live(keyOf(q.token)); ok && kindOf(rec) == session {
			r.fault(oldIDOpens, "request %d, ID %s", q.index, r.letter(keyOf(q.token)))
		}
	}
	if s != nil || mayHaveEnded {
		return
	}
	renewal := func(is func(*request) bool) bool {
		return slices.ContainsFunc(r.requests, func(q *request) bool { return q.op.moves && is(q) })
	}
	unanswered := func(q *request) bool { return q.hit && !q.acknowledged() }
	excepts := slices.ContainsFunc(r.requests, func(q *request) bool { return q.op.name == "destroy-others" && q.mayHave() })
	switch {
	case renewal(unanswered) && slices.ContainsFunc(live, func(c *content) bool { return c.isS }):
		// S lives under the ID that its client did not get.
	case renewal(unanswered):
		r.fault(renewedAway, "S is gone")
	case excepts && renewal((*request).mayHave):
		r.fault(exceptMisses, "S is gone")
	default:
		r.fault(lostSession, "S is gone")
	}
}

// judgeS compares S with what was acknowledged.
func (r *run) judgeS(s *content) {
	least, most := firstCount, firstCount
	popped, mayBePopped, took, mayBeTaken := false, false, false, false
	owned, mayBeOwned := false, false
	shown := make(map[string]bool)
	for _, q := range r.requests {
		if !q.sawS || !q.mayHave() {
			continue
		}
		switch ack := q.acknowledged(); q.op.name {
		case "update":
			most++
			if ack {
				least++
			}
		case "pop":
			popped, mayBePopped = popped || ack && q.popped, mayBePopped || q.popped
		case "take":
			for _, note := range q.took {
				shown[note] = true
				if note == firstNote {
					took, mayBeTaken = took || ack, true
				}
			}
		case "set-owner", "late-set-owner":
			owned, mayBeOwned = owned || ack, true
		}
	}
	if s.count < least || s.count > most {
		r.fault(miscount, "count is %d, and must be from %d to %d", s.count, least, most)
	}
	if s.item && popped || !s.item && !mayBePopped {
		r.fault(doublePop, "the session has it: %v", s.item)
	}
	if has := slices.Contains(s.notes, firstNote); has && took || !has && !mayBeTaken {
		r.fault(lostFlash, "the session has the note: %v", has)
	}
	if (s.owner == newOwner && !mayBeOwned) || (s.owner != newOwner && owned) {
		r.fault(lostChange, "the owner is %q", s.owner)
	}
	for _, q := range r.requests {
		if q.op.name != "flash" || !q.sawS {
			continue
		}
		note := string(q.mark())
		n := 0
		for _, have := range s.notes {
			if have == note {
				n++
			}
		}
		switch {
		case n > 1, n == 1 && !q.mayHave():
			r.fault(ghostChange, "request %d's note is there %d times", q.index, n)
		case n == 0 && q.acknowledged() && !shown[note]:
			r.fault(lostFlash, "request %d's note", q.index)
		}
	}
	r.judgeBrowser(s)
}

// judgeBrowser finds that the browser cannot open S, which lives.
func (r *run) judgeBrowser(s *content) {
	switch {
	case r.cookie != "" && keyOf(r.cookie) == s.key, r.lost:
	case slices.ContainsFunc(r.faults, func(f fault) bool { return f.rule == takeaway }):
	case slices.ContainsFunc(r.requests, func(q *request) bool { return q.op.signsIn && !q.sawS && q.issued() != "" }):
		// A second sign-in, with a session of its own.
	default:
		r.fault(lockedOut, "ID %s", r.letter(s.key))
	}
}

// judgeMark looks for the mark that a request set.
func (r *run) judgeMark(q *request, live []*content, s *content) {
	stored := slices.ContainsFunc(live, func(c *content) bool { return c.marks[q.index] && r.clientHas(c.key) })
	switch {
	case stored && !q.mayHave():
		r.fault(ghostChange, "request %d's value", q.index)
	case !q.acknowledged() || stored:
	case q.sawS && s != nil, !q.sawS:
		r.fault(lostChange, "request %d's value", q.index)
	}
}

// report tells the run and its faults.
func (r *run) report() string {
	var b strings.Builder
	for _, f := range r.faults {
		fmt.Fprintf(&b, "%s: %s\n", f.rule, f.text)
	}
	fmt.Fprintf(&b, "%s", r.words())
	fmt.Fprintf(&b, "go test ./internal/explorer -run Replay -v -schedule %s\n", r.code())
	return b.String()
}
