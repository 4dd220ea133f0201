package main

import (
	"context"
	"flag"
)

var counting = &command{
	name:  "count",
	brief: "how many sessions there are",
	help: `Counts the sessions of a store, by reading all of them, or an owner's. Those that
have expired are not counted, whether the store has removed them already or not.

Examples:

  sessions count -store dbm -data-dir /var/lib/app
  sessions count -owner user:42
  sessions count -owner ''
        sessions of nobody in particular: visitors, or robots
  sessions count -idle-longer-than 7d

With -json it is an object with sessions, and the bytes of their data together.
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
				return counted // a number that is too small is none
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
