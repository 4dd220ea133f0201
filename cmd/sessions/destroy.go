package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

var destroying = &command{
	name:  "destroy",
	args:  "[ID... | -]",
	brief: "destroy sessions by ID or owner",
	help: `Destroys sessions, which signs their users out. Requests in flight cannot restore them,
and the command cannot be undone. It lists the sessions and asks for confirmation; use
-yes in scripts.

With -owner, it destroys every session that the owner has at the start, even if it is
renewed meanwhile. If there are none, the exit code is 0. memcached cannot find sessions
by owner.

With "-", it reads IDs from the standard input. It destroys sessions one by one: 20,000
take half a minute or more with dbm and PostgreSQL. The old ID of a renewed session is
valid for two minutes.

Examples:

  sessions destroy 3f1c…a9
  sessions destroy -owner user:42
        signs user:42 out everywhere
  sessions list -created-before 2026-01-31T18:00:00Z -ids | sessions destroy -yes -
        destroys all sessions created before that time

If an ID does not exist, the exit code is 3 after the others are destroyed. Damaged
sessions can be destroyed by ID. With -json, the result is an object with destroyed
and missing.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		var d destruction
		t.flags(fs, "")
		fs.StringVar(&d.owner, "owner", "", "destroy the sessions of this `owner`, as passed to SetOwner")
		wait := waitFlag(fs)
		fs.BoolVar(&d.yes, "yes", false, "do not ask for confirmation")
		fs.BoolVar(&d.json, "json", false, "write a JSON object")
		return func(ctx context.Context, c *console, args []string) error {
			if (d.owner == "") == (len(args) == 0) {
				return fail(exitUsage, "which sessions? Give IDs or an -owner, not both")
			}
			if len(args) == 1 && args[0] == "-" {
				if !d.yes {
					return fail(exitRefused, "nothing was done: there can be no confirmation, because the IDs come from the standard input; add -yes")
				}
				var err error
				if args, err = words(c); err != nil {
					return err
				}
				if len(args) == 0 {
					return d.report(c, 0, 0)
				}
			}
			var keys []driver.Key
			if d.owner == "" {
				var err error
				if keys, err = keysOf(args); err != nil {
					return err
				}
			}
			s, err := t.open(ctx, c, *wait)
			if err != nil {
				return err
			}
			defer s.Close()
			if d.owner != "" {
				return d.owned(ctx, c, s)
			}
			return d.each(ctx, c, s, keys)
		}
	},
}

// destruction has the flags of destroy.
type destruction struct {
	owner     string
	yes, json bool
}

// words returns the words of the standard input.
func words(c *console) ([]string, error) {
	var all []string
	in := bufio.NewScanner(c.in)
	for in.Scan() {
		all = append(all, strings.Fields(in.Text())...)
	}
	return all, in.Err()
}

// shown is the maximum number of sessions listed before the question.
const shown = 20

// each destroys sessions by ID.
func (d *destruction) each(ctx context.Context, c *console, s *opened, keys []driver.Key) error {
	missing, destroyed, all := 0, 0, len(keys)
	defer func() {
		if ctx.Err() != nil && (d.yes || destroyed > 0) {
			c.note("%d of %s destroyed", destroyed, number(all, "session", "sessions"))
		}
	}()
	there := keys[:0]
	for _, key := range keys {
		e, err := s.follow(ctx, key)
		switch {
		case errors.Is(err, driver.ErrNotFound):
			missing++
			c.note("%v does not exist", key)
			continue
		case err != nil && !damaged(err):
			return err
		}
		there = append(there, key)
		switch {
		case d.yes:
		case len(there) > shown:
		case err != nil:
			c.note("%v  %s", key, faultOf(err))
		default:
			c.note("%s", line(&e))
		}
	}
	if len(there) > 0 {
		if err := c.confirm(ctx, d.yes, "%sDestroy %s in %s?", andMore(len(there)), number(len(there), "session", "sessions"), s.target); err != nil {
			return err
		}
	}
	m, err := manager(ctx, s)
	if err != nil {
		return err
	}
	for _, key := range there {
		if err := destroy(ctx, m, s, key); err != nil {
			return fmt.Errorf("after %d of %d: %w", destroyed, len(there), err)
		}
		destroyed++
	}
	return d.report(c, destroyed, missing)
}

// destroy destroys the session at key, or the one that replaced it by a renewal. It
// also removes a damaged record.
func destroy(ctx context.Context, m *sessions.Manager, s *opened, key driver.Key) error {
	session, err := m.Find(ctx, key.String())
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		return nil // it has ended in the meantime
	case err != nil && damaged(err):
		return s.Delete(ctx, key, 0)
	case err != nil:
		return err
	}
	return session.Destroy(ctx)
}

// owned destroys the owner's sessions.
func (d *destruction) owned(ctx context.Context, c *console, s *opened) error {
	list, err := s.owned(ctx, d.owner)
	if err != nil {
		return err
	}
	if !d.yes {
		n := 0
		for e, err := range list {
			if err != nil && !damaged(err) {
				return err
			}
			if err == nil && isForward(e.Record) {
				continue
			}
			if n++; n <= shown && err == nil {
				c.note("%s", line(&e))
			}
		}
		if n == 0 {
			return d.report(c, 0, 0)
		}
		if err := c.confirm(ctx, false, "%sDestroy %s of %s in %s?", andMore(n), number(n, "session", "sessions"), word(d.owner), s.target); err != nil {
			return err
		}
	}
	m, err := manager(ctx, ownersStore{s})
	if err != nil {
		return err
	}
	n, err := m.DestroyOwned(ctx, d.owner)
	if err != nil && ctx.Err() != nil {
		c.note("%s of %s destroyed", number(n, "session", "sessions"), word(d.owner))
	}
	if err != nil {
		return fmt.Errorf("after %s: %w", number(n, "session", "sessions"), err)
	}
	return d.report(c, n, 0)
}

func andMore(n int) string {
	if n > shown {
		return fmt.Sprintf("… and %d more\n", n-shown)
	}
	return ""
}

func (d *destruction) report(c *console, destroyed, missing int) error {
	var err error
	if d.json {
		err = c.object(map[string]int{"destroyed": destroyed, "missing": missing})
	} else {
		err = c.say("%s destroyed", number(destroyed, "session", "sessions"))
	}
	if err == nil && missing > 0 {
		err = fail(exitNotFound, "%s not exist; expired or destroyed sessions are not kept", number(missing, "session does", "sessions do"))
	}
	return err
}
