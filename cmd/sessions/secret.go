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

To replace a secret without signing anyone out, in three deployments:

  1. Add the new one to PreviousSecrets. Now every machine accepts it.
  2. Make the new one Secret, and the old one previous. Cookies are issued under it.
  3. When the longest session since then is over, drop the old one.

On one machine alone, begin with step 2.
`,
	setup: func(*flag.FlagSet) func(context.Context, *console, []string) error {
		return func(_ context.Context, c *console, _ []string) error {
			var secret [32]byte
			rand.Read(secret[:]) // never fails
			return c.say("%s", base64.StdEncoding.EncodeToString(secret[:]))
		}
	},
}
