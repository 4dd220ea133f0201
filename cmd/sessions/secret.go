package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"flag"
)

var secretMaking = &command{
	name:  "secret",
	brief: "generate a cookie secret",
	help: `Prints a secret for Options.Cookie.Secret: 32 cryptographically random bytes in
base64. The program can use the text as it is. Store it like a password, use the
same secret on all machines, and a different one for each program.

Examples:

  sessions secret
  sessions secret > /etc/app/sessions.secret
        set umask 077 first, so that others cannot read it

To replace a secret without signing anyone out, in three deployments:

  1. Add the new one to PreviousSecrets. Now every machine accepts it.
  2. Make the new one Secret, and move the old one to PreviousSecrets. Now cookies are
     issued with the new one.
  3. When all sessions from before step 2 have expired, remove the old one.

With a single machine, start with step 2.
`,
	setup: func(*flag.FlagSet) func(context.Context, *console, []string) error {
		return func(_ context.Context, c *console, _ []string) error {
			var secret [32]byte
			rand.Read(secret[:]) // never fails
			return c.say("%s", base64.StdEncoding.EncodeToString(secret[:]))
		}
	},
}
