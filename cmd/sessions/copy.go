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
	help: `Copies the sessions of one store, the source, to another, the destination, with
their IDs, owners, times and versions. Their cookies stay valid if the program's
secret, cookie name and namespace stay the same. The source is only read. The
destination is selected by the flags that begin with -to-, or by $SESSIONS_TO_STORE,
$SESSIONS_TO_URL and so on, and is created if it does not exist.

The copy can be interrupted and run again at any time. A session that already exists in
the destination is replaced only if it was used later in the source. Otherwise, if the
two differ, it is counted and not changed.

To move a program to another store:

  1. Copy while the program runs. This signs nobody out:
       sessions copy -store file -data-dir /var/lib/app/sessions \
         -to-store database
  2. Stop the program, since a copy may miss concurrent changes.
  3. Copy again, to make the destination equal to the source: -overwrite replaces
     sessions that have changed, and -delete removes sessions that have ended, whose
     cookies would otherwise be valid again:
       sessions copy -store file -data-dir /var/lib/app/sessions \
         -to-store database -overwrite -delete
  4. Start the program with the new store. Do not run this copy again: it would undo
     later changes, including sign-outs.

If the program is stopped during the whole copy, one copy is enough.

-delete removes every session of the destination that is not in the source, including
those of other programs with the same namespace. If the source is empty, nothing is
removed, since it is probably the wrong store. Sessions that are too large for the
destination, or damaged, are named, and the exit code is 5. memcached can be the
destination, but not the source, and not with -delete; when it is full, it evicts
sessions silently. With -json, the result is an object with the counts.
`,
	setup: func(fs *flag.FlagSet) func(context.Context, *console, []string) error {
		var from, to target
		from.flags(fs, "")
		to.flags(fs, "to-")
		cp := &copier{}
		wait := waitFlag(fs)
		fs.BoolVar(&cp.overwrite, "overwrite", false, "replace sessions of the destination that differ, even if they were used later")
		remove := fs.Bool("delete", false, "after the copy, remove sessions of the destination that are not in the source")
		fs.IntVar(&cp.parallel, "parallel", 16, "write this `number` of sessions concurrently")
		quiet := fs.Bool("quiet", false, "show no progress")
		yes := fs.Bool("yes", false, "with -overwrite or -delete, do not ask for confirmation")
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
				if err := c.confirm(ctx, *yes, "%s\nContinue?", consequence(&from, &to, cp.overwrite, *remove)); err != nil {
					return err
				}
			}
			if from.namespace.value != to.namespace.value {
				c.note("note: the namespaces differ; with a Cookie.Secret, existing cookies are not valid for the copied sessions")
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
				return fail(exitUsage, "nothing was removed: there are no sessions in %s, so -delete would remove all sessions of %s; "+
					"is -namespace right? To empty a store, destroy its sessions", &from, &to)
			}
			return cp.report(c, *asJSON, time.Since(began), err)
		}
	},
}

// openBoth opens both stores, and creates the destination if it does not exist.
func openBoth(ctx context.Context, c *console, from, to *target, wait age) (f, t *opened, err error) {
	from.fill(c)
	to.fill(c)
	if !to.namespace.given {
		to.namespace.value = from.namespace.value
	}
	for _, target := range []*target{from, to} {
		if err := target.checkAccessible(); err != nil {
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
		_ = f.Close() // err matters more
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
	return fmt.Sprintf("In %s, this %s. Make sure that no program uses it.", to, strings.Join(what, " and "))
}
