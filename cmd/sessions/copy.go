package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"
)

var copying = &command{
	name:  "copy",
	brief: "copy all sessions to another store",
	help: `Copies the sessions of one store to another, with their ids, owners, times and
versions, byte for byte. Their cookies open them there as long as the program's
secret, cookie name and namespace stay the same. The store copied from is only
read. The one copied to is named by the flags that begin with -to-, or by
$SESSIONS_TO_STORE, $SESSIONS_TO_URL and so on, and is made if it is missing.

It may be stopped and run again at any time. A session that the destination has
already is left alone, unless it was used later in the one copied from. Two may
have been used at the same time and still differ, as not every access is written;
such a one is left alone, counted and told.

To move a program to another store:

  1. While it runs, copy. This takes the time it takes, and signs nobody out:
       sessions copy -store file -data-dir /var/lib/app/sessions \
         -to-store database
  2. Stop the program: what changes in the course of a copy may be missed.
  3. Copy again, and make the destination what the store copied from is now:
     -overwrite takes the sessions that changed since, -delete removes those that
     ended since, which a stolen cookie would open again:
       sessions copy -store file -data-dir /var/lib/app/sessions \
         -to-store database -overwrite -delete
  4. Start the program on the new store. From now on, never copy this way again:
     it would undo what happened since, logouts among it.

With the program stopped from the start, a single copy does.

-delete removes every session of the destination that the store copied from does
not have, those of other programs under the same namespace too. If that one has none
at all, it refuses: more likely it is the wrong one. A session too
large for the destination, or damaged, is named, and the exit code is 5. memcached
can be copied to, but not from, and not with -delete; what it has no room for it
drops without a word. With -json, an object with the counts comes at the end.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var from, to target
		from.flags(fs, "")
		to.flags(fs, "to-")
		cp := &copier{}
		wait := waitFlag(fs)
		fs.BoolVar(&cp.overwrite, "overwrite", false, "take the place of sessions in the destination that differ, whichever were used last")
		remove := fs.Bool("delete", false, "then remove the sessions of the destination that are not in the store copied from")
		fs.IntVar(&cp.parallel, "parallel", 16, "write this `number` of sessions at a time")
		quiet := fs.Bool("quiet", false, "show no progress")
		yes := fs.Bool("yes", false, "with -overwrite or -delete, do not ask")
		asJSON := fs.Bool("json", false, "write a JSON object with the counts")
		return func(ctx context.Context, c *console, _ []string) error {
			if cp.parallel < 1 || cp.parallel > 256 {
				return fail(exitUsage, "-parallel must be from 1 to 256")
			}
			var err error
			if cp.from, cp.to, err = openBoth(ctx, c, &from, &to, *wait); err != nil {
				return err
			}
			defer cp.from.Close()
			defer cp.to.Close()
			list, err := cp.from.all(ctx)
			if err != nil {
				return err
			}
			if *remove {
				if _, err := cp.to.all(ctx); err != nil {
					return err
				}
			}
			if cp.overwrite || *remove {
				if err := c.confirm(ctx, *yes, "%s\nGo on?", consequence(&from, &to, cp.overwrite, *remove)); err != nil {
					return err
				}
			}
			if from.namespace.value != to.namespace.value {
				c.note("note: the namespaces differ; with a Cookie.Secret, today's cookies will not open these sessions there")
			}
			cp.console = c
			stop := func() {}
			if !*quiet {
				stop = c.progress(cp.tally.progress)
			}
			began := time.Now()
			err = cp.copy(ctx, list)
			nothing := err == nil && *remove && cp.tally.read() == 0
			if err == nil && *remove && !nothing {
				err = cp.prune(ctx)
			}
			stop()
			if nothing {
				return fail(exitUsage, "nothing was removed: there are no sessions in %s, and -delete would leave none in %s; "+
					"is -namespace right? To empty a store, destroy its sessions", &from, &to)
			}
			return cp.tell(c, *asJSON, time.Since(began), err)
		}
	},
}

// openBoth opens both stores, and makes the one to copy to where it is missing.
func openBoth(ctx context.Context, c *console, from, to *target, wait age) (f, t *opened, err error) {
	from.fill(c)
	to.fill(c)
	if !to.namespace.given {
		to.namespace.value = from.namespace.value
	}
	for _, target := range []*target{from, to} {
		if err := target.named(); err != nil {
			return nil, nil, err
		}
	}
	if from.same(to) {
		return nil, nil, fail(exitUsage, "both are %s", from)
	}
	if f, err = from.open(ctx, c, wait); err != nil {
		return nil, nil, err
	}
	if t, err = to.openOrMake(ctx, c, wait); err != nil {
		_ = f.Close() // the other's error is the one to tell
		return nil, nil, err
	}
	return f, t, nil
}

func consequence(from, to *target, overwrite, remove bool) string {
	var what []string
	if overwrite {
		what = append(what, "replaces sessions that differ")
	}
	if remove {
		what = append(what, "removes sessions that are not in "+from.String())
	}
	return fmt.Sprintf("In %s, this %s. No program may be using it.", to, strings.Join(what, " and "))
}
