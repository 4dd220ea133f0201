package driver

import (
	"log/slog"
	"time"
)

// DefaultSweepInterval is how often a store removes expired records.
const DefaultSweepInterval = time.Minute

// Config is what a store is opened with. The manager has validated what is
// common to all stores; a Driver validates what is its own (the URL, a missing
// DataDir).
type Config struct {
	// URL is Options.URL as the program gave it; it may hold a password. The
	// driver defines its forms, and any other is an error. The bare scheme,
	// "name:", means the same as the store's name without a URL.
	URL string
	// DataDir is where a store on the local disk keeps its data, unless its URL
	// says so. The store makes it where it is missing, for its user alone: mode
	// 0700. Without either of them it does not open.
	DataDir string
	// LockDir is for the lock files of a store on the local disk, and made as
	// DataDir is. Empty means: inside DataDir. Several stores, of several
	// DataDirs, may share it.
	LockDir string
	// Namespace keeps applications apart in one backend: at most 64 of the
	// characters a-z 0-9 . _ and -, beginning with a letter or digit; or empty.
	Namespace string
	// CookieName is the name that tokens travel under. A Sealer binds its
	// tokens to it and counts it towards the size that browsers accept.
	CookieName string
	// Keys derives 32-byte keys for a purpose from the program's secrets, the
	// present secret's first, none if the program has no secret. The purpose,
	// the cookie name and the namespace are part of the derivation. A store
	// never sees the secrets themselves. May be nil: no secret.
	Keys func(purpose string) [][]byte
	// SweepInterval is the time between two removals of expired records.
	// Negative: the store never starts one by itself.
	SweepInterval time.Duration
	// Now is the clock for everything that concerns expiry.
	Now func() time.Time
	// Logger receives what no caller can be told, such as a failed sweep.
	Logger *slog.Logger
}

// WithDefaults returns the configuration with SweepInterval, Now, Logger and
// Keys filled in where they are zero.
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
