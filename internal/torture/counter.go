//go:build linux

package main

// counter is what is known about a counter that Key.Update increments.
type counter struct {
	issued int // increments requested
	void   int // of these, certainly not committed
	acked  int
	totals map[int]bool // values reported as committed, each by one request
}

// most returns the highest possible value.
func (c *counter) most() int { return c.issued - c.void }

// sawCount checks the value that a request read. It requested own increments
// itself and began when least were acknowledged.
func (s *session) sawCount(i, n, least, own int) {
	c := &s.counts[i]
	switch {
	case n < least:
		s.l.add(lostWrite, "session %s: counter %d shows %d, %d were acknowledged%v", s.mark, i, n, least, &s.trail)
	case n > c.most()-own:
		s.l.add(inexact, "session %s: counter %d shows %d, at most %d were requested%v", s.mark, i, n, c.most()-own, &s.trail)
	}
}

// sawTotal checks the value reported to a request after own increments, and that
// no other request was reported one of the same values.
func (s *session) sawTotal(i, n, least, own int) {
	c := &s.counts[i]
	if n < least+own {
		s.l.add(lostWrite, "session %s: counter %d was committed as %d after %d own increments and %d acknowledged before", s.mark, i, n, own, least)
	}
	if n > c.most() {
		s.l.add(inexact, "session %s: counter %d was committed as %d, at most %d were requested", s.mark, i, n, c.most())
	}
	if c.totals == nil {
		c.totals = make(map[int]bool)
	}
	for k := n - own + 1; k <= n; k++ {
		if c.totals[k] {
			s.l.add(lostWrite, "session %s: counter %d: two requests both set it to %d", s.mark, i, k)
		}
		c.totals[k] = true
	}
}
