package main

import (
	"context"
	"flag"
)

var listing = &command{
	name:  "list",
	brief: "list sessions, one per line",
	help: `Lists the sessions of a store in no particular order. A session is listed if it
matches all filters. An ID is public: it cannot be used as a cookie. To see values, use
show.

Examples:

  sessions list -store file -data-dir /var/lib/app/sessions
  sessions list -owner user:42
        the devices on which user:42 is signed in
  sessions list -json -larger-than 100000 | jq -s 'sort_by(.bytes) | reverse | .[:10]'
        the largest sessions
  sessions list -idle-longer-than 30d -ids | sessions destroy -yes -
        destroys sessions that were not used for 30 days

With -json, each line is an object with id, owner, created, accessed, expires and
bytes. Times are in UTC. The IDs of damaged sessions are written to the standard error,
and the exit code is then 5. Sessions in memcached cannot be listed.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		var f filter
		t.flags(fs, "")
		f.flags(fs)
		wait := waitFlag(fs)
		limit := fs.Int("limit", 0, "stop after this `number` of sessions")
		ids := fs.Bool("ids", false, "write only IDs, one per line")
		asJSON := fs.Bool("json", false, "write one JSON object per line")
		return func(ctx context.Context, c *console, _ []string) error {
			if *ids && *asJSON {
				return fail(exitUsage, "-ids and -json cannot be used together")
			}
			if *limit < 0 {
				return fail(exitUsage, "-limit must be 0, for no limit, or more")
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
