//go:build linux

package main

// register is what is known about a cell, in which the last write wins.
type register struct {
	writes map[int64]*write // of values, by Seq
	clears []*write         // writes that leave no value; the first is the session's creation
	floor  tick             // the latest start of an acknowledged write
	popped map[int64]bool   // values that an acknowledged Pop returned
}

// write is a requested write.
type write struct {
	start, end tick
	state      state
}

// begin records a write before it is requested. A write with seq 0 leaves no
// value.
func (r *register) begin(seq int64, start tick) *write {
	w := &write{start: start}
	if seq == 0 {
		r.clears = append(r.clears, w)
		return w
	}
	if r.writes == nil {
		r.writes = make(map[int64]*write)
	}
	r.writes[seq] = w
	return w
}

func (r *register) finish(w *write, st state, end tick) {
	w.state = st
	if st != acked {
		return
	}
	w.end = end
	r.floor = max(r.floor, w.start)
}

// possible reports whether a request may read the write. floor is the latest start
// of a write acknowledged before the request began: a write that ended before
// floor was overwritten.
func (w *write) possible(floor tick) bool {
	return w.state == pending || w.state == unsure || w.state == acked && w.end >= floor
}

// sawCell checks the value that a request read in a cell.
func (s *session) sawCell(i int, seen sighting, floor tick) {
	r := &s.cells[i]
	if seen.Seq == 0 {
		for _, w := range r.clears {
			if w.possible(floor) {
				return
			}
		}
		s.l.add(lostWrite, "session %s: cell %d is empty, want a value%v", s.mark, i, &s.trail)
		return
	}
	switch w := r.writes[seen.Seq]; {
	case seen.Mark != s.mark || w == nil:
		s.l.add(crossTalk, "session %s: cell %d shows %s %d", s.mark, i, seen.Mark, seen.Seq)
	case seen.Torn:
		s.l.add(torn, "session %s: cell %d shows value %d torn", s.mark, i, seen.Seq)
	case w.state == void:
		s.l.add(uncommitted, "session %s: cell %d shows value %d, which was not committed", s.mark, i, seen.Seq)
	case !w.possible(floor):
		s.l.add(lostWrite, "session %s: cell %d shows the old value %d%v", s.mark, i, seen.Seq, &s.trail)
	}
}

// sawPop records the value that an acknowledged Pop returned.
func (s *session) sawPop(i int, seen sighting, floor tick) {
	s.sawCell(i, seen, floor)
	r := &s.cells[i]
	if r.popped == nil {
		r.popped = make(map[int64]bool)
	}
	if r.popped[seen.Seq] {
		s.l.add(twice, "session %s: value %d was popped twice", s.mark, seen.Seq)
	}
	r.popped[seen.Seq] = true
}
