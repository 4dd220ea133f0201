package sessionstest

import "strconv"

var processCases = []testCase{
	{"process-sees-the-other", 4, "what one call has acknowledged every later call sees, from any process that shares the backend.", []Ability{Share, Processes}, processSees},
	{"process-logout", 3, "no Save or Touch in one process brings back what was deleted in another.", []Ability{Share, Processes}, processLogout},
	{"process-counter", 2, "of N increments acknowledged in three processes, N are there.", []Ability{Share, Processes}, processCounter},
}

func processSees(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	p := e.start(key)
	p.asks("load", "ok first")
	p.asks("save second", "ok")
	now := e.load(s, key, "after a second process saved")
	if string(now.Data) != "second" {
		e.failf("Load after a second process saved %q gave %s", "second", excerpt(now.Data))
	}
	e.conflicts(s.Save(e.ctx, key, rec.Version, next(rec, "lost")), "Save at a version that a second process replaced")
	last := next(now, "third")
	e.must(s.Save(e.ctx, key, now.Version, last), "Save at the version that a second process wrote")
	p.asks("save lost", "conflict")
	p.asks("touch", "conflict")
	p.asks("load", "ok third")
	p.asks("touch", "ok")
	e.holds(s, key, extended(last, hour), "after a second process touched")
}

func processLogout(e *env) {
	s := e.open()
	key := e.create(s, e.record("data"))
	p := e.start(key)
	p.asks("load", "ok data")
	e.must(s.Delete(e.ctx, key, 0), "Delete")
	p.asks("save revived", "conflict")
	p.asks("touch", "conflict")
	p.asks("load", "not found")
	e.absent(s, key, "after a second process tried to save it")

	now := e.record("again")
	e.must(s.Save(e.ctx, key, 0, now), "Save with old 0 after Delete")
	now = e.load(s, key, "before a second process deletes it")
	p.asks("delete", "ok")
	e.conflicts(s.Save(e.ctx, key, now.Version, next(now, "revived")), "Save of what a second process deleted")
	e.conflicts(s.Touch(e.ctx, key, extended(now, hour)), "Touch of what a second process deleted")
	e.absent(s, key, "after a second process deleted it")
	p.asks("load", "not found")
}

func processCounter(e *env) {
	s := e.open()
	key := e.create(s, e.record("0"))
	children := []*process{e.start(key), e.start(key)}
	for _, p := range children {
		p.order("count " + e.effort.String())
	}
	total := 0
	e.rounds(50, func(int) {
		increment(e, s, key)
		total++
	})
	for _, p := range children {
		answer := p.answer()
		n, err := strconv.Atoi(answer)
		if err != nil {
			e.fatalf("in a second process that counts while two others do, Load or Save failed: %s", answer)
		}
		total += n
	}
	if last := e.load(s, key, "of the counter at the end"); string(last.Data) != strconv.Itoa(total) {
		e.failf("the counter is at %s after %d increments acknowledged in three processes", last.Data, total)
	}
}
