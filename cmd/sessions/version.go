package main

import (
	"context"
	"flag"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/pump-go/sessions"
)

var versioning = &command{
	name:  "version",
	brief: "print the version and the stores",
	help: `Prints the version of github.com/pump-go/sessions and of Go that the command was
built with, and its stores. Records written by a newer version are reported and
not changed.
`,
	setup: func(*flag.FlagSet) func(context.Context, *console, []string) error {
		return func(_ context.Context, c *console, _ []string) error {
			version := "(unknown)"
			if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
				version = info.Main.Version
			}
			return c.say("sessions %s, %s, %s/%s\nstores: %s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH,
				strings.Join(sessions.Drivers(), ", "))
		}
	},
}
