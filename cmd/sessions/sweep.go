package main

import (
	"context"
	"flag"

	"github.com/pump-go/sessions/driver"
)

var sweeping = &command{
	name:  "sweep",
	brief: "remove expired sessions",
	help: `Removes all expired sessions and prints their number. Programs do this once a
minute unless Options.SweepInterval is negative. memcached and redis remove
expired sessions themselves.

Examples:

  sessions sweep -store file -data-dir /var/lib/app/sessions
  17 3 * * *  sessions sweep
        in a crontab, for programs that do not sweep themselves

With -json, the result is an object with swept, the number of removed sessions.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var t target
		t.flags(fs, "")
		wait := waitFlag(fs)
		asJSON := fs.Bool("json", false, "write a JSON object")
		return func(ctx context.Context, c *console, _ []string) error {
			s, err := t.open(ctx, c, *wait)
			if err != nil {
				return err
			}
			defer s.Close()
			if _, ok := driver.As[driver.Sweeper](s.Store); !ok {
				return s.cannot("be swept: it removes expired sessions itself")
			}
			m, err := manager(ctx, s.Store)
			if err != nil {
				return err
			}
			n, err := m.Sweep(ctx)
			if err != nil {
				return err
			}
			if *asJSON {
				return c.object(map[string]int{"swept": n})
			}
			return c.say("%s removed", number(n, "expired session", "expired sessions"))
		}
	},
}
