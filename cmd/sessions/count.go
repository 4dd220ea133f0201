package main

import (
	"context"
	"flag"
)

var counting = &command{
	name:  "count",
	brief: "count sessions",
	help: `Counts the sessions of a store or an owner by reading them. Expired sessions are
not counted, even if the store has not removed them yet.

Examples:

  sessions count -store dbm -data-dir /var/lib/app
  sessions count -owner user:42
  sessions count -owner ''
        sessions without an owner
  sessions count -idle-longer-than 7d

With -json, the result is an object with sessions, and bytes, their total size.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		var f filter
		t.flags(fs, "")
		f.flags(fs)
		wait := waitFlag(fs)
		asJSON := fs.Bool("json", false, "write a JSON object")
		return func(ctx context.Context, c *console, _ []string) error {
			s, err := t.open(ctx, c, *wait)
			if err != nil {
				return err
			}
			defer s.Close()
			var total struct {
				Sessions int   `json:"sessions"`
				Bytes    int64 `json:"bytes"`
			}
			counted := f.each(ctx, c, s, func(e found) (bool, error) {
				total.Sessions++
				total.Bytes += int64(len(e.Record.Data))
				return true, nil
			})
			if counted != nil && codeOf(counted) != exitIncomplete {
				return counted // an incomplete count would be misleading
			}
			if *asJSON {
				err = c.object(total)
			} else {
				err = c.say("%d", total.Sessions)
			}
			if err != nil {
				return err
			}
			return counted
		}
	},
}
