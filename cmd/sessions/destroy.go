package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/pump-go/sessions/driver"
)

var destroying = &command{
	name:  "destroy",
	args:  "[ID... | -]",
	brief: "end sessions, by id or by owner",
	help: `Ends sessions: their records are removed, and whoever holds their cookies is
signed out with the next request. That is final, also against requests that are
under way. It shows what it found and asks first; scripts give -yes.

By owner, it ends every session that was the owner's when it began, one that is
renewed meanwhile included. An owner without any is 0 sessions, and exit code 0.
memcached and cookie cannot find an owner's.

A single "-" reads ids from the standard input. They go one after the other, each
waiting for the disk: 20,000 take half a minute or more in dbm and PostgreSQL. A
session that is renewed meanwhile has a new id by then, and stays.

Examples:

  sessions destroy 3f1c…a9
  sessions destroy -owner user:42
        signs user:42 out everywhere
  sessions list -created-before 2026-01-31T18:00:00Z -ids | sessions destroy -yes -
        ends all sessions from before then

An id that is not there makes the exit code 3, once the others are destroyed. A
damaged session is destroyed by its id like any other. With -json it is an object
with destroyed and missing. The cookie store has nothing to remove.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		var d destruction
		t.flags(fs, "")
		fs.StringVar(&d.owner, "owner", "", "destroy the sessions of this `owner`, as the program gave it to SetOwner")
		wait := waitFlag(fs)
		fs.BoolVar(&d.yes, "yes", false, "do not ask")
		fs.BoolVar(&d.json, "json", false, "write a JSON object")
		return func(ctx context.Context, c *console, args []string) error {
			if (d.owner == "") == (len(args) == 0) {
				return fail(exitUsage, "which sessions? Give ids or an -owner, and not both")
			}
			if len(args) == 1 && args[0] == "-" {
				if !d.yes {
					return fail(exitRefused, "nothing was done: the input is the ids, and so cannot say yes; add -yes")
				}
				var err error
				if args, err = words(c); err != nil {
					return err
				}
				if len(args) == 0 {
					return d.tell(c, 0, 0)
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

// destruction is what is to be destroyed, and how.
type destruction struct {
	owner     string
	yes, json bool
}

// words are the words of the standard input.
func words(c *console) ([]string, error) {
	var all []string
	in := bufio.NewScanner(c.in)
	for in.Scan() {
		all = append(all, strings.Fields(in.Text())...)
	}
	return all, in.Err()
}

// shown is how many sessions are shown before the question.
const shown = 20

// each destroys sessions by their ids.
func (d *destruction) each(ctx context.Context, c *console, s *opened, keys []driver.Key) error {
	missing, destroyed, all := 0, 0, len(keys)
	defer func() {
		if ctx.Err() != nil && (d.yes || destroyed > 0) {
			c.note("%d of %s destroyed", destroyed, number(all, "session", "sessions"))
		}
	}()
	there := keys[:0]
	for _, key := range keys {
		rec, err := s.Load(ctx, key)
		switch {
		case errors.Is(err, driver.ErrNotFound):
			missing++
			c.note("%v is not there", key)
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
			c.note("%s", line(&driver.Entry{Key: key, Record: rec}))
		}
	}
	if len(there) > 0 {
		if err := c.confirm(ctx, d.yes, "%sDestroy %s in %s?", andMore(len(there)), number(len(there), "session", "sessions"), s.target); err != nil {
			return err
		}
	}
	for _, key := range there {
		if err := s.Delete(ctx, key, 0); err != nil {
			return fmt.Errorf("after %d of %d: %w", destroyed, len(there), err)
		}
		destroyed++
	}
	return d.tell(c, destroyed, missing)
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
			if n++; n <= shown && err == nil {
				c.note("%s", line(&e))
			}
		}
		if n == 0 {
			return d.tell(c, 0, 0)
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
	return d.tell(c, n, 0)
}

func andMore(n int) string {
	if n > shown {
		return fmt.Sprintf("… and %d more\n", n-shown)
	}
	return ""
}

func (d *destruction) tell(c *console, destroyed, missing int) error {
	var err error
	if d.json {
		err = c.object(map[string]int{"destroyed": destroyed, "missing": missing})
	} else {
		err = c.say("%s destroyed", number(destroyed, "session", "sessions"))
	}
	if err == nil && missing > 0 {
		err = fail(exitNotFound, "%s not there: over, or never been", number(missing, "session is", "sessions are"))
	}
	return err
}
