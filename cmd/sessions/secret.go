package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"flag"
)

var secretMaking = &command{
	name:  "secret",
	brief: "make a secret for cookies",
	help: `Prints a secret for Options.Cookie.Secret: 32 random bytes in base64, from the
system's source for cryptography. The program may use the text as it is. Keep it
where its other passwords are, the same on all machines, and give every program
its own.

Examples:

  sessions secret
  sessions secret > /etc/app/sessions.secret
        under umask 077, or others may read it

To replace a secret without signing anyone out, put the new one in its place and
move the old one to PreviousSecrets, until the longest session since is over.
`,
	setup: func(*flag.FlagSet) func(context.Context, *console, []string) error {
		return func(_ context.Context, c *console, _ []string) error {
			var secret [32]byte
			rand.Read(secret[:]) // never fails
			return c.say("%s", base64.StdEncoding.EncodeToString(secret[:]))
		}
	},
}
