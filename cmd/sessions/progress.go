package main

import (
	"fmt"
	"time"
)

// progress writes a progress text periodically until stop is called: on one line of a
// terminal, otherwise as lines for a log.
func (c *console) progress(what func(since time.Duration) string) (stop func()) {
	every := 10 * time.Second
	if c.redraws {
		every = 200 * time.Millisecond
	}
	began := time.Now()
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.draw(what(time.Since(began)))
			case <-ended:
				c.mu.Lock()
				c.wipe()
				c.mu.Unlock()
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func (c *console) draw(text string) {
	if !c.redraws {
		c.note("%s", text)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
	fmt.Fprint(c.err, text)
	c.drawn = true
}
