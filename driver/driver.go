// Package driver is the contract between the session manager and a store. Who
// writes a store imports it; a program does only to stand around its own
// (sessions.Options.WrapStore). It imports the standard library only. The
// repository's docs/writing-a-driver.md builds a driver step by step.
//
// # What to implement
//
// A third-party store is three things:
//
//   - a [Driver], whose Open reads a [Config] and returns a [Store];
//   - the Store: Load, Save, Touch, Delete and Close;
//   - one line that registers it: sessions.Register("redis", driver.OpenFunc(open)),
//     in the package's init.
//
// Then run the contract over it: sessionstest.Run tests every rule below, as far
// as it shows from outside, and a failure states the broken rule in words.
// docs/writing-a-driver.md in this module builds a driver step by step.
//
// The rest is optional, and each part buys the program something:
//
//   - [Lister]: the manager can iterate over all sessions, copy and count them;
//   - [Owners]: "log out my other devices" works;
//   - [Sweeper]: an operator can remove expired records now;
//   - [Sealer]: the store keeps nothing, and the record travels inside the
//     client's token (the cookie store).
//
// [Gate], [StartSweeper], [AppendRecord] and [ParseRecord] are here because
// most stores need them. Using them is a convenience, not a duty.
//
// # The rules
//
//  1. Expiry. A record whose Expires has come is absent to every operation,
//     whether it was removed yet or not. The clock is Config.Now, never the
//     server's. Load never returns half a record.
//  2. Certainty. [ErrConflict] is a certainty: this call wrote nothing, and
//     never will. [ErrNotWritten] is one too, for a refusal or a failure before
//     the write was sent. Whatever is unsure (a timeout, a lost connection) is another
//     error; the manager finds out by the version what came of it. So nothing
//     below the Store may retry a write that could already have run.
//  3. Deletion is final. No Save and no Touch based on a record loaded before
//     a Delete brings it back, in whatever order they arrive.
//  4. Order. What one call has acknowledged every later call sees, from any
//     goroutine, process or machine that shares the backend. Whether it outlives
//     a crash of the machine is the store's choice, and in its documentation.
//  5. Bounded time. A call returns soon after its context ends, with an error
//     that wraps the context's: on a server that is dead or hangs too, and while
//     another call or process holds a lock that it waits for. A
//     context that has ended before the call changes nothing. Ask for Done
//     only to wait: with the manager's contexts it costs a timer. [AfterFunc]
//     is for those who only cut what is left over.
//  6. Bytes. Data and Owner come back byte for byte, NUL and invalid UTF-8
//     included, an empty Data as an empty one. A Store keeps no slice that it
//     was given and returns none that it keeps. Above the limit that its
//     documentation states, Save fails with [ErrTooLarge].
//  7. Damage. A record that cannot be read whole is [ErrCorrupt]; one written
//     by a newer version of the store is [ErrNewerFormat]. Neither disturbs its
//     neighbours, a listing, a sweep or the next Open. Delete with version 0
//     removes it. What any other Delete, a Save or a Touch does there is the
//     store's choice, and so is whether a sweep removes it.
//  8. Removal. The store removes expired records by itself, found by an index
//     rather than by reading all, in small batches, looking at the expiry
//     again in the very step that deletes. A record that was refreshed
//     meanwhile stays. Readers never wait for it.
//  9. Listing holds no lock, transaction or connection while it yields. A
//     record present from the first step to the last comes exactly once.
//  10. Owners. Owned misses no record that was acknowledged before the call
//     and is still there. Where the index is apart from the record, write the
//     index first, and check what it names against the record.
//  11. Close waits for calls under way, ends the store's goroutines, and may
//     be called twice. Every call after it fails with [ErrClosed].
//
// All methods are called from many goroutines at once.
package driver

import (
	"context"
	"errors"
	"iter"
)

// Driver opens stores of one kind.
type Driver interface {
	// Open checks the configuration and returns a Store for it. A fault in the
	// configuration is an error here, a DataDir that cannot be made too; a
	// server that is down is not: its Store opens, and fails call by call until
	// the server is back. So does that of a directory which fills up or vanishes
	// later. An error never quotes a password or a whole URL.
	Open(ctx context.Context, cfg Config) (Store, error)
}

// OpenFunc makes a Driver of a function.
type OpenFunc func(ctx context.Context, cfg Config) (Store, error)

// Open calls f.
func (f OpenFunc) Open(ctx context.Context, cfg Config) (Store, error) { return f(ctx, cfg) }

// Store keeps session records under keys that open no session: whoever reads
// the backend learns no credential. See the package documentation for the
// rules that all methods keep.
type Store interface {
	// Load returns the record at key, or ErrNotFound.
	Load(ctx context.Context, key Key) (Record, error)

	// Save writes rec at key in one atomic step, with rec.Version as its new
	// version. With old 0 it creates, if no live record is there (an expired
	// one does not count). Otherwise it replaces, if the live record's version
	// is old. It never creates where it was to replace. If the condition does
	// not hold, for whichever reason, it writes nothing: ErrConflict.
	//
	// Whether a rec that has expired already is written is the store's choice.
	//
	// rec.Hint is what Load gave with the record at version old, or nil.
	Save(ctx context.Context, key Key, old Version, rec Record) error

	// Touch sets the live record's Accessed and Expires to rec's if its version
	// is rec.Version, else it writes nothing: ErrConflict. Nothing else of the
	// record changes, the version included.
	//
	// rec is a record as Load returned it, with only those two fields changed;
	// a Store may therefore write the whole of it.
	Touch(ctx context.Context, key Key, rec Record) error

	// Delete removes the record at key. With version 0 it removes whatever is
	// there, and finding nothing is no error. Otherwise it removes the live
	// record only at that version, else ErrConflict.
	Delete(ctx context.Context, key Key, version Version) error

	// Close releases what Open acquired. What the caller passed in ready-made
	// (a *sql.DB, a client) stays open.
	Close() error
}

// Entry is one record of a listing.
type Entry struct {
	Key    Key
	Record Record
}

// Lister is implemented by a Store that can name its records.
type Lister interface {
	// All yields every live record of the namespace, in no particular order, each
	// as it was at some moment since the listing began: a store may read ahead. A
	// damaged record is yielded as an error with its Key set, and the listing
	// goes on; after any other error it ends.
	All(ctx context.Context) iter.Seq2[Entry, error]
}

// Owners is implemented by a Store that can name an owner's records.
type Owners interface {
	// Owned yields the live records of the namespace whose Owner equals owner
	// byte for byte, as All does. An empty owner owns nothing.
	Owned(ctx context.Context, owner string) iter.Seq2[Entry, error]
}

// Sweeper is implemented by a Store that removes expired records by itself and
// can be asked to do it now.
type Sweeper interface {
	// Sweep removes the records that have expired, all of them, and returns
	// how many it removed.
	Sweep(ctx context.Context) (int, error)
}

// Sealer is implemented by a Store that keeps no record: the client's token
// carries it. The manager then calls Seal and Unseal alone; Load, Save, Touch
// and Delete answer errors.ErrUnsupported.
type Sealer interface {
	// Seal encrypts and authenticates the key and the record, all but Hint,
	// into a token of cookie-safe characters. A token too long for a browser's
	// cookie is ErrTooLarge, in an error that tells both sizes.
	Seal(key Key, rec Record) (token string, err error)

	// Unseal is the reverse of Seal. Whatever Seal did not make, under this
	// cookie name and one of the present keys, is ErrNotFound. So is a record
	// that has expired.
	Unseal(token string) (Sealed, error)
}

// Sealed is what a token carried.
type Sealed struct {
	Key    Key
	Record Record
	Stale  bool // sealed under a previous secret: the token is due to be replaced
}

// Errors that a Store answers with, wrapped or plain; errors.Is matches them.
var (
	// ErrNotFound: Load found no live record.
	ErrNotFound = errors.New("session not found")
	// ErrConflict: the live record is not at the version that the call named:
	// it was changed, replaced or removed. Nothing was written.
	ErrConflict = errors.New("session changed or removed meanwhile")
	// ErrCorrupt: the stored bytes are damaged.
	ErrCorrupt = errors.New("session record damaged")
	// ErrNewerFormat: the stored bytes were written by a newer version.
	ErrNewerFormat = errors.New("session record written by a newer version")
	// ErrTooLarge: the record is over the store's limit. Nothing was written.
	ErrTooLarge = errors.New("session too large")
	// ErrNotWritten: the call failed before the backend changed anything, and
	// nothing will be written: the connection was refused, or the backend is
	// read-only, out of connections or lacks a permission. A Save or Delete that
	// is certain of this wraps it, and the manager reports the error without
	// looking for the outcome. Optional: without it, the outcome is looked up.
	ErrNotWritten = errors.New("nothing was written")
	// ErrClosed: the store was closed. Nothing was written.
	ErrClosed = errors.New("session store closed")
)
