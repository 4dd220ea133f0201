package sessionstest

import "strconv"

var processCases = []testCase{
	{"process-sees-writes", 4, "every call sees what earlier calls acknowledged, from any process that shares the backend.", []Ability{Share, Processes}, processSees},
	{"process-sign-out", 3, "no Save or Touch in one process restores a record that another process deleted.", []Ability{Share, Processes}, processSignOut},
	{"process-counter", 2, "after N acknowledged increments in three processes the counter is N.", []Ability{Share, Processes}, processCounter},
}

func processSees(e *env) {
	s := e.open()
	rec := e.record("first")
	key := e.create(s, rec)
	p := e.start(key)
	p.expect("load", "ok first")
	p.expect("save second", "ok")
	now := e.load(s, key, "after a Save in a second process")
	if string(now.Data) != "second" {
		e.failf("Load after a second process saved %q returned %s", "second", excerpt(now.Data))
	}
	e.conflicts(s.Save(e.ctx, key, rec.Version, next(rec, "lost")), "Save at a version that a second process replaced")
	last := next(now, "third")
	e.must(s.Save(e.ctx, key, now.Version, last), "Save at the version that a second process wrote")
	p.expect("save lost", "conflict")
	p.expect("touch", "conflict")
	p.expect("load", "ok third")
	p.expect("touch", "ok")
	e.holds(s, key, extended(last, hour), "after a Touch in a second process")
}

func processSignOut(e *env) {
	s := e.open()
	key := e.create(s, e.record("data"))
	p := e.start(key)
	p.expect("load", "ok data")
	e.must(s.Delete(e.ctx, key, 0), "Delete")
	p.expect("save revived", "conflict")
	p.expect("touch", "conflict")
	p.expect("load", "not found")
	e.absent(s, key, "after a Save in a second process that should have conflicted")

	now := e.record("again")
	e.must(s.Save(e.ctx, key, 0, now), "Save with old 0 after Delete")
	now = e.load(s, key, "before a second process deletes it")
	p.expect("delete", "ok")
	e.conflicts(s.Save(e.ctx, key, now.Version, next(now, "revived")), "Save of a record that a second process deleted")
	e.conflicts(s.Touch(e.ctx, key, extended(now, hour)), "Touch of a record that a second process deleted")
	e.absent(s, key, "after a second process deleted it")
	p.expect("load", "not found")
}

func processCounter(e *env) {
	s := e.open()
	key := e.create(s, e.record("0"))
	children := []*process{e.start(key), e.start(key)}
	for _, p := range children {
		p.send("count " + e.effort.String())
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
			e.fatalf("Load or Save of a counter failed in one of three processes: %s", answer)
		}
		total += n
	}
	if last := e.load(s, key, "of the counter at the end"); string(last.Data) != strconv.Itoa(total) {
		e.failf("the counter is %s after %d increments acknowledged in three processes", last.Data, total)
	}
}
