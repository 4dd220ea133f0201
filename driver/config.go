package driver

import (
	"log/slog"
	"time"
)

// DefaultSweepInterval is the default time between two removals of expired
// records.
const DefaultSweepInterval = time.Minute

// Config is the configuration passed to Driver.Open. The manager has validated
// what is common to all stores; a Driver validates the rest, such as the URL and a
// missing DataDir.
type Config struct {
	// URL is Options.URL unchanged; it may contain a password. The driver defines
	// the valid forms and returns an error for any other. The bare scheme,
	// "name:", means the same as the store's name without a URL.
	URL string
	// DataDir is the directory for the data of a store on the local disk, unless
	// its URL names one. The store creates it with mode 0700 if missing. If neither
	// is set, Open fails.
	DataDir string
	// LockDir is the directory for the lock files of a store on the local disk,
	// created like DataDir. If empty, they are inside DataDir. Stores with
	// different DataDirs may share it.
	LockDir string
	// Namespace separates applications that share a backend. It is empty, or has
	// up to 64 of the characters a-z 0-9 . _ and -, and begins with a letter or
	// digit.
	Namespace string
	// CookieName is the name of the cookie. A Sealer binds its tokens to it, and
	// includes it in the size that browsers limit.
	CookieName string
	// Keys derives a 32-byte key for a purpose from each of the program's secrets,
	// the current secret's first. It returns none if the program has no secret. The
	// purpose, the cookie name and the namespace are part of the derivation, and
	// the store never sees the secrets. Keys may be nil, which means no secret.
	Keys func(purpose string) [][]byte
	// SweepInterval is the time between two removals of expired records. If
	// negative, the store does not remove them periodically.
	SweepInterval time.Duration
	// Now returns the current time. Expiry is computed from it alone.
	Now func() time.Time
	// Logger receives errors that no call returns, such as that of a sweep.
	Logger *slog.Logger
}

// WithDefaults returns a copy of c with defaults for SweepInterval, Now, Logger
// and Keys where they are zero.
func (c Config) WithDefaults() Config {
	if c.SweepInterval == 0 {
		c.SweepInterval = DefaultSweepInterval
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Keys == nil {
		c.Keys = func(string) [][]byte { return nil }
	}
	return c
}
