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
	brief: "the command's version, and its stores",
	help: `Prints which version of github.com/pump-go/sessions the command was built from,
with which Go, and the stores in it. A record that a newer version wrote is
reported as such, and left alone.
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
