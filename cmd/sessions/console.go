package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// console is what the command reads from and writes to.
type console struct {
	in       io.Reader
	out, err io.Writer
	asks     bool // somebody is there to answer
	redraws  bool // err is a terminal, where a line can be written over
	env      func(string) (string, bool)

	mu    sync.Mutex // of err
	drawn bool       // a line of progress stands on the terminal
}

// say writes a line of the answer.
func (c *console) say(format string, args ...any) error {
	_, err := fmt.Fprintf(c.out, format+"\n", args...)
	return err
}

// object writes a line of JSON.
func (c *console) object(v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(c.out, printable(b.String()))
	return err
}

// note writes a line that is not part of the answer.
func (c *console) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
	fmt.Fprintf(c.err, format+"\n", args...)
}

// wipe takes the line of progress off the terminal.
func (c *console) wipe() {
	if c.drawn {
		fmt.Fprint(c.err, "\r\x1b[K")
		c.drawn = false
	}
}

// logger takes what stores have to say beside their answers.
func (c *console) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// confirm fails unless somebody says yes to the question, or said so beforehand.
func (c *console) confirm(ctx context.Context, yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	if !c.asks {
		return fail(exitRefused, "nothing was done: there is no terminal to ask at; to go ahead without being asked, add -yes")
	}
	fmt.Fprintf(c.err, format+" [y/N] ", args...)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(c.in).ReadString('\n') // cut short, it is no yes
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-answer:
		if line == "y" || line == "yes" {
			return nil
		}
		return fail(exitRefused, "nothing was done")
	case <-ctx.Done():
		c.note("")
		return ctx.Err()
	}
}
