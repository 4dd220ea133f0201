// Sessions manages the stores of github.com/pump-go/sessions. It lists, shows, counts
// and destroys sessions, removes expired ones, copies them to another store, generates
// secrets and checks a configuration.
//
//	go install github.com/pump-go/sessions/cmd/sessions@latest
//
//	sessions list    list sessions, one per line
//	sessions show    show a session's content
//	sessions count   count sessions
//	sessions destroy destroy sessions by ID or owner
//	sessions sweep   remove expired sessions
//	sessions copy    copy all sessions to another store
//	sessions secret  generate a cookie secret
//	sessions check   check a configuration and its store
//	sessions version print the version and the stores
//	sessions help    print help on a command, with examples
//
// # The store
//
// Select the store as in the program's Options, by flags or environment variables. Use
// a variable for a URL with a password, since other users can see flags in the list of
// processes:
//
//	-store      SESSIONS_STORE      Options.Store
//	-url        SESSIONS_URL        Options.URL
//	-data-dir   SESSIONS_DATA_DIR   Options.DataDir
//	-lock-dir   SESSIONS_LOCK_DIR   Options.LockDir
//	-namespace  SESSIONS_NAMESPACE  Options.Namespace
//
// A flag overrides its variable. The destination of copy has the same flags and
// variables with to- and TO_: -to-store, SESSIONS_TO_URL.
//
//	export SESSIONS_STORE=database
//	export SESSIONS_URL=postgresql://app:password@db.internal/app
//	sessions list -owner user:42
//	sessions destroy -owner user:42
//
// The memory and cookie stores are not accessible: their sessions are in the program's
// memory and in the clients' cookies. Sessions in memcached cannot be listed; show and
// destroy work by ID.
//
// Run the command as the program's user. Only check creates a missing store, and copy its
// destination.
//
// # Scripts
//
// Results are written to the standard output, everything else to the standard error.
// With -json, results are JSON (RFC 8259), one object per line. Commands that destroy
// sessions ask for confirmation; without a terminal they require -yes.
//
//	sessions list -idle-longer-than 30d -ids | sessions destroy -yes -
//
// Exit codes:
//
//	0    done
//	1    the store failed
//	2    invalid flags or configuration
//	3    the session or store does not exist
//	4    not supported by the store
//	5    some sessions were skipped, for example damaged ones; their IDs are printed
//	6    not confirmed; nothing was done
//	130  interrupted; what was done before is not undone
//
// # Moving to another store
//
//	sessions copy -store file -data-dir /var/lib/app/sessions -to-store database
//
// copies the sessions while the program runs, but may miss concurrent changes. So then
// stop the program, copy again with -overwrite and -delete, which is faster, and start
// the program with the new store. Cookies stay valid if the secret, the cookie's name and
// the namespace stay the same. See "sessions help copy".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], &console{
		in:      os.Stdin,
		out:     os.Stdout,
		err:     os.Stderr,
		asks:    term.IsTerminal(int(os.Stdin.Fd())),
		redraws: term.IsTerminal(int(os.Stderr.Fd())),
		env:     os.LookupEnv,
	}))
}
