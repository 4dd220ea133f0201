package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// command is a subcommand.
type command struct {
	name  string
	args  string // the arguments after the flags, for the help
	brief string // one line for the overview
	help  string // a description with examples
	// setup defines the flags and returns the function to call after they are
	// parsed, with the other arguments.
	setup func(fs *flag.FlagSet) func(ctx context.Context, c *console, args []string) error
}

// commands returns all commands in the order of the overview.
func commands() []*command {
	return []*command{listing, showing, counting, destroying, sweeping, copying, secretMaking, checking, versioning}
}

const about = `Sessions manages the stores of github.com/pump-go/sessions.

Usage: sessions COMMAND [flags]

`

const aboutMore = `
"sessions help COMMAND" prints help on a command, with examples. Select the store as
in the program's Options, by flags or environment variables (use a variable for a
URL with a password: other users can see flags), and run as the program's user:

  export SESSIONS_STORE=database
  export SESSIONS_URL=postgresql://app:password@db.internal/app
  sessions list -owner user:42

`

// run executes the command line and returns the exit code.
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
		return fail(exitUsage, "there is no command %s; see \"sessions help\"", quote(args[0]))
	}
	fs := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // errors and help are printed below
	do := cmd.setup(fs)
	rest, err := parse(fs, args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return cmd.writeHelp(c.out)
	case err != nil:
		return fail(exitUsage, "%w; see \"sessions help %s\"", err, cmd.name)
	case len(rest) > 0 && cmd.args == "":
		return fail(exitUsage, "unexpected argument %s; see \"sessions help %s\"", quote(rest[0]), cmd.name)
	}
	return do(ctx, c, rest)
}

// parse parses flags before and after other arguments. Package flag stops at the first
// argument that is not a flag, and would return a -yes at the end as a session ID.
func parse(fs *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := fs.Parse(args); err != nil {
			return nil, conceal(err, args)
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest = append(rest, fs.Arg(0))
		args = fs.Args()[1:]
	}
}

// longestFlag is longer than any flag, and shorter than any cookie's value. An argument
// that is longer is not shown: it may be the value of a cookie, which is a credential.
const longestFlag = 40

// quote quotes an argument for an error.
func quote(arg string) string {
	if len(arg) > longestFlag {
		return fmt.Sprintf("of %d bytes", len(arg))
	}
	return strconv.Quote(arg)
}

// conceal returns err, or another error if an argument that is not to be shown is in it.
// The value of a cookie may begin with a hyphen, as a flag does.
func conceal(err error, args []string) error {
	for n, arg := range args {
		for part := range strings.SplitSeq(strings.TrimLeft(arg, "-"), "=") {
			if len(part) > longestFlag && strings.Contains(err.Error(), part) {
				return fmt.Errorf("argument %d is neither a flag nor an ID; an ID has 64 hexadecimal digits, and is not the cookie's value", n+1)
			}
		}
	}
	return err
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
		return fail(exitUsage, "there is no command %s; see \"sessions help\"", quote(args[0]))
	}
	return cmd.writeHelp(c.out)
}

func overview(w io.Writer) error {
	var list strings.Builder
	for _, cmd := range commands() {
		fmt.Fprintf(&list, "  %-8s %s\n", cmd.name, cmd.brief)
	}
	_, err := io.WriteString(w, about+list.String()+aboutMore+exitHelp)
	return err
}

// writeHelp writes the command's help: first its own flags, then those that select the
// store.
func (cmd *command) writeHelp(out io.Writer) error {
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
	}{{"Flags:", own}, {"Flags that select the store, as in the program's Options:", stores}} {
		if n[part.flags] > 0 {
			fmt.Fprintf(w, "\n%s\n", part.title)
			part.flags.SetOutput(w)
			part.flags.PrintDefaults()
		}
	}
	_, err := io.WriteString(out, w.String())
	return err
}
