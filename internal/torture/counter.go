//go:build linux

package main

// counter is one that Key.Update counts up.
type counter struct {
	issued int // asked for, in all
	void   int // of these, those that certainly did not count
	acked  int
	totals map[int]bool // that were told as committed: each belongs to one request
}

// most is the highest number that the counter may show.
func (c *counter) most() int { return c.issued - c.void }

// sawCount checks a number that a request saw, which asked for own more itself and
// began when least were acknowledged.
func (s *subject) sawCount(i, n, least, own int) {
	c := &s.counts[i]
	switch {
	case n < least:
		s.l.add(lostWrite, "session %s: counter %d shows %d, %d were acknowledged%v", s.mark, i, n, least, &s.trail)
	case n > c.most()-own:
		s.l.add(inexact, "session %s: counter %d shows %d, at most %d were asked for%v", s.mark, i, n, c.most()-own, &s.trail)
	}
}

// sawTotal checks the number that a request was told after it counted own
// times, and that no other request was told one of the same.
func (s *subject) sawTotal(i, n, least, own int) {
	c := &s.counts[i]
	if n < least+own {
		s.l.add(lostWrite, "session %s: counter %d was committed as %d by one who counted %d, with %d acknowledged before", s.mark, i, n, own, least)
	}
	if n > c.most() {
		s.l.add(inexact, "session %s: counter %d was committed as %d, at most %d were asked for", s.mark, i, n, c.most())
	}
	if c.totals == nil {
		c.totals = make(map[int]bool)
	}
	for k := n - own + 1; k <= n; k++ {
		if c.totals[k] {
			s.l.add(lostWrite, "session %s: counter %d: two requests were told that they made it %d", s.mark, i, k)
		}
		c.totals[k] = true
	}
}
