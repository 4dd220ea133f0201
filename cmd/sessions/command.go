package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one of the things that the program does.
type command struct {
	name  string
	args  string // what follows the flags, for the help
	brief string // a line
	help  string // what it does, and examples
	// setup names the flags, and returns what to do when they are read. args are
	// what else the command line has.
	setup func(fs *flag.FlagSet) func(ctx context.Context, c *console, args []string) error
}

// commands returns them all, in the order of the help.
func commands() []*command {
	return []*command{listing, showing, counting, destroying, sweeping, copying, secretMaking, checking, versioning}
}

const about = `Sessions looks after the stores of github.com/pump-go/sessions.

Usage: sessions COMMAND [flags]

`

const aboutMore = `
"sessions help COMMAND" tells how, with examples. Name the store as the program
names it, by flags or by variables of the environment (a password belongs there:
flags show in the list of processes), and run this as the program's user:

  export SESSIONS_STORE=database
  export SESSIONS_URL=postgresql://app:password@db.internal/app
  sessions list -owner user:42

`

// run does what the command line says and returns the exit code.
func run(ctx context.Context, args []string, c *console) int {
	name := "sessions"
	if len(args) > 0 && find(args[0]) != nil {
		name += " " + args[0]
	}
	err := dispatch(ctx, args, c)
	code := exitCode(ctx, err)
	switch {
	case err == nil:
	case code == exitInterrupted:
		c.note("%s: interrupted", name)
	default:
		c.note("%s: %s", name, strings.TrimPrefix(safe(err.Error()), "sessions: "))
	}
	return code
}

func dispatch(ctx context.Context, args []string, c *console) error {
	if len(args) == 0 {
		_ = overview(c.err)
		return fail(exitUsage, "which command?")
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		return help(args[1:], c)
	case "-version", "--version":
		args[0] = versioning.name
	}
	cmd := find(args[0])
	if cmd == nil {
		return fail(exitUsage, "there is no command %q; \"sessions help\" names them all", args[0])
	}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors are told below, and help is our own
	do := cmd.setup(fs)
	rest, err := parse(fs, args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return cmd.tell(c.out)
	case err != nil:
		return fail(exitUsage, "%w; see \"sessions help %s\"", err, cmd.name)
	case len(rest) > 0 && cmd.args == "":
		return fail(exitUsage, "%q is no flag; see \"sessions help %s\"", rest[0], cmd.name)
	}
	return do(ctx, c, rest)
}

// parse reads flags wherever they stand. Package flag stops at the first word
// that is none, and would take a -yes at the end for a session's id.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

func find(name string) *command {
	for _, cmd := range commands() {
		if cmd.name == name {
			return cmd
		}
	}
	return nil
}

func help(args []string, c *console) error {
	if len(args) == 0 || args[0] == "help" {
		return overview(c.out)
	}
	cmd := find(args[0])
	if cmd == nil {
		return fail(exitUsage, "there is no command %q; \"sessions help\" names them all", args[0])
	}
	return cmd.tell(c.out)
}

func overview(w io.Writer) error {
	var list strings.Builder
	for _, cmd := range commands() {
		fmt.Fprintf(&list, "  %-8s %s\n", cmd.name, cmd.brief)
	}
	_, err := io.WriteString(w, about+list.String()+aboutMore+exitHelp)
	return err
}

// tell writes the command's help: its own flags first, then those that say
// which store it is about.
func (cmd *command) tell(out io.Writer) error {
	w := &strings.Builder{}
	usage := "sessions " + cmd.name + " [flags]"
	if cmd.args != "" {
		usage += " " + cmd.args
	}
	fmt.Fprintf(w, "Usage: %s\n\n%s", usage, cmd.help)

	all := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	cmd.setup(all)
	own, stores := flag.NewFlagSet("", flag.ContinueOnError), flag.NewFlagSet("", flag.ContinueOnError)
	n := map[*flag.FlagSet]int{}
	all.VisitAll(func(f *flag.Flag) {
		group := own
		if _, ok := f.Value.(*setting); ok {
			group = stores
		}
		group.Var(f.Value, f.Name, f.Usage)
		n[group]++
	})
	for _, part := range []struct {
		title string
		flags *flag.FlagSet
	}{{"Flags:", own}, {"The store, as in the program's Options:", stores}} {
		if n[part.flags] > 0 {
			fmt.Fprintf(w, "\n%s\n", part.title)
			part.flags.SetOutput(w)
			part.flags.PrintDefaults()
		}
	}
	_, err := io.WriteString(out, w.String())
	return err
}
