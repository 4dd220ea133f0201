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
	asks     bool // in is a terminal, so that questions can be answered
	redraws  bool // err is a terminal, where a line can be overwritten
	env      func(string) (string, bool)

	mu    sync.Mutex // of err
	drawn bool       // a progress line is on the terminal
}

// say writes a line of the result.
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

// note writes a line that is not part of the result.
func (c *console) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wipe()
	fmt.Fprintf(c.err, format+"\n", args...)
}

// wipe removes the progress line from the terminal.
func (c *console) wipe() {
	if c.drawn {
		fmt.Fprint(c.err, "\r\x1b[K")
		c.drawn = false
	}
}

// logger returns a logger for warnings of the stores.
func (c *console) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// confirm asks the question, unless yes is set, and returns an error if the answer is
// not yes.
func (c *console) confirm(ctx context.Context, yes bool, format string, args ...any) error {
	if yes {
		return nil
	}
	if !c.asks {
		return fail(exitRefused, "nothing was done: there is no terminal to confirm on; add -yes to skip the question")
	}
	fmt.Fprintf(c.err, format+" [y/N] ", args...)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(c.in).ReadString('\n') // an incomplete line does not confirm
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
