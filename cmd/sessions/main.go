// Sessions is the operator's command for the stores of
// github.com/pump-go/sessions. It lists, shows, counts and ends sessions, removes
// expired ones, copies all of them to another store, makes a secret and checks a
// configuration.
//
//	go install github.com/pump-go/sessions/cmd/sessions@latest
//
//	sessions list    every session, a line each
//	sessions show    what is stored of a session
//	sessions count   how many sessions there are
//	sessions destroy end sessions, by id or by owner
//	sessions sweep   remove expired sessions now
//	sessions copy    copy all sessions to another store
//	sessions secret  make a secret for cookies
//	sessions check   check a configuration and the store
//	sessions version the command's version, and its stores
//	sessions help    help on one of these, with examples
//
// # Which store
//
// A program's Options name a store; the same flags name it here, or environment
// variables, in which a password does not show in the list of processes:
//
//	-store      SESSIONS_STORE      Options.Store
//	-url        SESSIONS_URL        Options.URL
//	-data-dir   SESSIONS_DATA_DIR   Options.DataDir
//	-lock-dir   SESSIONS_LOCK_DIR   Options.LockDir
//	-namespace  SESSIONS_NAMESPACE  Options.Namespace
//
// A flag that is given takes the place of its variable. The store to copy to has
// the same ones, with to- and TO_: -to-store, SESSIONS_TO_URL.
//
//	export SESSIONS_STORE=database
//	export SESSIONS_URL=postgresql://app:password@db.internal/app
//	sessions list -owner user:42
//	sessions destroy -owner user:42
//
// The memory and cookie stores cannot be looked into from outside: the one is
// inside its program, the other's sessions are with the clients. memcached
// cannot list its sessions; show and destroy work there by id.
//
// Run it as the user that the program runs as. It makes neither directories nor
// tables where there are none, but for check and for the destination of copy.
//
// # For scripts
//
// What was asked for goes to the standard output, all else to the standard
// error. With -json it is JSON (RFC 8259), one object a line. What destroys asks
// first; with no terminal to ask at, it needs -yes.
//
//	sessions list -idle-longer-than 30d -ids | sessions destroy -yes -
//
// Exit codes:
//
//	0    done
//	1    failed: the store does not answer, or refuses
//	2    wrong flags or configuration
//	3    there is no such session, or no such store
//	4    the store cannot do that
//	5    done but for some sessions, which are named: damaged, say
//	6    not confirmed, and so nothing was done
//	130  interrupted; what was done until then stays done
//
// # Moving to another store
//
//	sessions copy -store file -data-dir /var/lib/app/sessions -to-store database
//
// copies while the program runs. What changes meanwhile it may miss, so stop the
// program, run it again with -overwrite and -delete, which is quick, and start
// the program on the new store. Cookies stay valid as long as the secret, the
// cookie's name and the namespace stay the same. "sessions help copy" tells more.
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
