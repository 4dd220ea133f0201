package main

import (
	"context"
	"flag"
)

var listing = &command{
	name:  "list",
	brief: "every session, a line each",
	help: `Lists the sessions of a store as they come, in no particular order. Filters add
up: a session is listed if all of them let it pass. What the values are is left
out, see "sessions help show"; an id is public, and opens no session.

Examples:

  sessions list -store file -data-dir /var/lib/app/sessions
  sessions list -owner user:42
        the devices on which user:42 is signed in
  sessions list -json -larger-than 100000 | jq -s 'sort_by(.bytes) | reverse | .[:10]'
        the largest sessions
  sessions list -idle-longer-than 30d -ids | sessions destroy -yes -
        ends those that nobody used for a month

With -json, each line is an object with id, owner, created, accessed, expires and
bytes, the times in UTC. A damaged session is named on the standard error, the
others are listed all the same, and the exit code is 5. memcached and cookie
cannot list.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		var f filter
		t.flags(fs, "")
		f.flags(fs)
		wait := waitFlag(fs)
		limit := fs.Int("limit", 0, "stop after this `number` of sessions")
		ids := fs.Bool("ids", false, "write ids alone, one a line")
		asJSON := fs.Bool("json", false, "write a JSON object a line")
		return func(ctx context.Context, c *console, _ []string) error {
			if *ids && *asJSON {
				return fail(exitUsage, "-ids and -json are two ways to write: give one of them")
			}
			if *limit < 0 {
				return fail(exitUsage, "-limit must be 0, which is none, or more")
			}
			s, err := t.open(ctx, c, *wait)
			if err != nil {
				return err
			}
			defer s.Close()
			write := func(e *found) error { return c.say("%s", line(&e.Entry)) }
			switch {
			case *ids:
				write = func(e *found) error { return c.say("%v", e.Key) }
			case *asJSON:
				write = func(e *found) error { return c.object(summaryOf(&e.Entry)) }
			default:
				if err := c.say("%s", heading); err != nil {
					return err
				}
			}
			n := 0
			return f.each(ctx, c, s, func(e found) (bool, error) {
				n++
				return n != *limit, write(&e)
			})
		}
	},
}
