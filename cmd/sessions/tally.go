package main

import (
	"fmt"
	"sync"
	"time"
)

// tally counts outcomes. Several goroutines add to it.
type tally struct {
	mu sync.Mutex
	n  [outcomes]int
}

func (t *tally) add(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[o]++
}

// read returns the number of sessions read from the source.
func (t *tally) read() int {
	return t.n[created] + t.n[replaced] + t.n[refreshed] + t.n[identical] + t.n[differing] + t.n[over] + t.n[failed]
}

// progress returns the progress line.
func (t *tally) progress(since time.Duration) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := fmt.Sprintf("%d read, %d written", t.read(), t.n[created]+t.n[replaced]+t.n[refreshed])
	if sec := since.Seconds(); sec >= 1 {
		s += fmt.Sprintf(", %.0f a second", float64(t.read())/sec)
	}
	if n := t.n[removed]; n > 0 {
		s += fmt.Sprintf(", %d removed", n)
	}
	return s
}

// report writes the counts, whether or not the copy is complete, and returns the command's
// error.
func (cp *copier) report(c *console, asJSON bool, took time.Duration, ended error) error {
	n := cp.tally.n
	var err error
	if asJSON {
		err = c.object(struct {
			Read      int  `json:"read"`
			Created   int  `json:"created"`
			Replaced  int  `json:"replaced"`
			Refreshed int  `json:"refreshed"`
			Identical int  `json:"identical"`
			Differing int  `json:"differing"`
			Expired   int  `json:"expired"`
			Removed   int  `json:"removed"`
			Changed   int  `json:"changed"`
			Failed    int  `json:"failed"`
			Complete  bool `json:"complete"`
		}{cp.tally.read(), n[created], n[replaced], n[refreshed], n[identical], n[differing], n[over], n[removed], n[changed], n[failed], ended == nil})
	} else {
		err = c.say("%s read in %s", number(cp.tally.read(), "session", "sessions"), short(took))
		for _, part := range []struct {
			outcome
			what string
		}{
			{created, "copied"},
			{replaced, "replaced with the source's state"},
			{refreshed, "identical with older times; times updated"},
			{identical, "identical"},
			{differing, "different and not older in the destination; not changed (-overwrite replaces them)"},
			{over, "expired during the copy"},
			{failed, "damaged, too large or newer than this command; named above"},
			{removed, "removed from the destination, since they are not in the source"},
			{changed, "not removed, since a program changed them during the copy"},
		} {
			if k := n[part.outcome]; k > 0 && err == nil {
				err = c.say("%8d %s", k, part.what)
			}
		}
	}
	switch {
	case ended != nil:
		return fmt.Errorf("the copy is incomplete; run it again to continue: %w", ended)
	case err != nil:
		return err
	case n[failed] > 0:
		return fail(exitIncomplete, "%s not copied; see above", number(n[failed], "session was", "sessions were"))
	}
	return nil
}
