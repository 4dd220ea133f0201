// Package driver defines the contract between the session manager and a store.
// Packages that implement a store import it; an application needs it only for
// sessions.Options.WrapStore. It imports the standard library only.
//
// # What to implement
//
// A store in a package of its own has three parts:
//
//   - a [Driver], whose Open reads a [Config] and returns a [Store];
//   - the Store: Load, Save, Touch, Delete and Close;
//   - one line in the package's init that registers it:
//     sessions.Register("redis", driver.OpenFunc(open)).
//
// sessionstest.Run tests every rule below as far as it can be seen from outside,
// and a failure states the broken rule in words. docs/writing-a-driver.md in this
// module builds a driver step by step.
//
// The other interfaces are optional. Each of them makes a feature work:
//
//   - [Lister]: the manager can iterate over all sessions, copy and count them;
//   - [Owners]: "log out my other devices" works;
//   - [Sweeper]: an operator can remove expired records now;
//   - [Sealer]: the store keeps nothing; the record travels inside the client's
//     token (the cookie store).
//
// A store that wraps another has a method Unwrap() Store. It need not repeat the
// optional interfaces of the inner store: the manager finds them with [As].
//
// [Gate], [StartSweeper], [AppendRecord] and [ParseRecord] are here because
// most stores need them. No store has to use them.
//
// # The rules
//
//  1. Expiry. From the instant Expires on, a record is absent to every
//     operation, whether it was removed yet or not. The clock is Config.Now,
//     never the server's. Load never returns half a record.
//  2. Certainty. [ErrConflict] is a certainty: this call wrote nothing, and
//     never will. So is [ErrNotWritten], for a refusal or a failure before the
//     write was sent. Whatever is unsure (a timeout, a lost connection) is
//     another error; the manager finds out by the version whether the write
//     happened. So nothing below the Store may retry a write that may already
//     have run.
//  3. Deletion is final. No Save and no Touch based on a record loaded before
//     a Delete brings it back, in whatever order they arrive.
//  4. Order. What one call has acknowledged every later call sees, from any
//     goroutine, process or machine that shares the backend. Whether it survives
//     a crash of the machine is the store's choice, and in its documentation.
//     Namespaces are separate: no call sees or changes a record or an index
//     entry of another namespace, even where the keys are equal.
//  5. Bounded time. A call returns soon after its context ends, with an error
//     that wraps the context's: also when a server is dead or hangs, and while
//     another call or process holds a lock that it waits for. A call that was
//     done by then may return its result. A context that has ended before the
//     call changes nothing. Use Done only to wait: with the manager's contexts
//     it costs a timer. [AfterFunc] is for stores that only interrupt a call.
//  6. Bytes. Data and Owner come back byte for byte, NUL and invalid UTF-8
//     included, an empty Data as an empty one. A Store keeps no slice that it
//     was given and returns none that it keeps. Above the limit that its
//     documentation states, Save fails with [ErrTooLarge].
//  7. Damage. A record that cannot be read whole is [ErrCorrupt]; one written
//     by a newer version of the store is [ErrNewerFormat]. Neither disturbs its
//     neighbours, a listing, a sweep or the next Open. Delete with version 0
//     removes it. What any other Delete, a Save or a Touch does there is the
//     store's choice, and so is whether a sweep removes it.
//  8. Removal. The store removes the expired records of its namespace by
//     itself, found by an index rather than by reading all, in small batches,
//     checking the expiry again in the step that deletes. A record that was
//     refreshed meanwhile stays. Readers never wait for it.
//  9. Listing. A listing holds no lock, transaction or connection while it
//     yields. A record present from the first step to the last is yielded
//     exactly once, even if it is saved or touched meanwhile: continue behind
//     the last key, not at a row number, an expiry or a time of change.
//  10. Owners. Owned misses no record that was acknowledged before the call
//     and is still there. Where the index is apart from the record, write the
//     index first, and check what it names against the record.
//  11. Close waits for calls under way and ends the store's goroutines. It may
//     be called more than once, and each Close returns when the store is closed.
//     Every call after it fails with [ErrClosed]. A listing is under way during
//     its steps, not between them: Close does not wait for the loop's body, and
//     the next step may yield ErrClosed.
//
// All methods are called from many goroutines at once.
//
// # Indexes
//
// An index entry that is apart from its record can outlive it: the process died
// between the two writes, or the record is damaged, so that its owner and expiry
// cannot be read any more and Delete cannot find the entries. Whatever finds such
// an entry removes it: the sweep and Owned look up the record that the entry
// names, and drop the entry if the record is missing, or damaged and expired by
// the entry's own expiry. For that, put the expiry into the entry of the expiry
// index, and let the entry of the owner index expire with the record or be
// checked by the sweep.
package driver

import (
	"context"
	"errors"
	"iter"
)

// Driver opens stores of one kind.
type Driver interface {
	// Open checks the configuration and returns a Store for it. A fault in the
	// configuration is an error here, and so is a DataDir that cannot be made. A
	// server that is down is not: the Store opens, and each call fails until
	// the server is back. The same holds for a directory that fills up or
	// vanishes later. An error never quotes a password or a whole URL.
	//
	// A database that only one process can open (Pebble, Badger, LevelDB) is
	// locked by Open. If another process or Store holds the lock, Open may wait
	// for it for a few seconds, since a restarted program meets the lock of the
	// one that is ending; then it fails, with an error that names the lock. It
	// never waits after ctx has ended.
	Open(ctx context.Context, cfg Config) (Store, error)
}

// Schemes is implemented by a Driver that answers to URL schemes beside the name
// under which it is registered: Options.URL alone then chooses it.
type Schemes interface {
	// Schemes returns the schemes in lower case, such as "redis" and "rediss".
	// Each also stands for itself with a suffix: "mysql" for mysql+pymysql://.
	Schemes() []string
}

// OpenFunc makes a Driver of a function.
type OpenFunc func(ctx context.Context, cfg Config) (Store, error)

// Open calls f.
func (f OpenFunc) Open(ctx context.Context, cfg Config) (Store, error) { return f(ctx, cfg) }

// Store keeps session records under keys that open no session: the contents of
// the backend cannot be used to sign in. The rules that all methods keep are in
// the package documentation.
type Store interface {
	// Load returns the record at key, or ErrNotFound.
	Load(ctx context.Context, key Key) (Record, error)

	// Save writes rec at key in one atomic step, with rec.Version as its new
	// version. With old 0 it creates the record, if no live record is there (an
	// expired one does not count). Otherwise it replaces the live record, if its
	// version is old; it never creates one. If the condition does not hold, for
	// whatever reason, Save writes nothing and returns ErrConflict.
	//
	// Whether a rec that has expired already is written is the store's choice.
	//
	// rec.Hint is what Load returned with the record at version old, or nil.
	Save(ctx context.Context, key Key, old Version, rec Record) error

	// Touch sets the live record's Accessed and Expires to rec's if its version
	// is rec.Version. Otherwise it writes nothing and returns ErrConflict.
	// Nothing else of the record changes; the version stays too.
	//
	// rec is a record as Load returned it, with only those two fields changed;
	// a Store may therefore write the whole of it.
	Touch(ctx context.Context, key Key, rec Record) error

	// Delete removes the record at key. With version 0 it removes whatever is
	// there, and finding nothing is no error. Otherwise it removes the live
	// record if that is its version, or returns ErrConflict.
	Delete(ctx context.Context, key Key, version Version) error

	// Close releases what Open acquired. What the application opened itself and
	// passed in (a *sql.DB, a client) stays open.
	Close() error
}

// Entry is one record of a listing.
type Entry struct {
	Key    Key
	Record Record
}

// Lister is implemented by a Store that can list its records.
type Lister interface {
	// All yields every live record of the namespace, in no particular order, each
	// as it was at some moment since the listing began: a store may read ahead. A
	// record that is damaged or of a newer format is yielded as an error with its
	// Key set, and the listing goes on; after any other error it ends. If ctx
	// ends, the listing ends with an error or yields what it has read ahead, to
	// the end: it never ends early without an error.
	//
	// The sequence may be iterated more than once; each time it lists what is
	// there then.
	All(ctx context.Context) iter.Seq2[Entry, error]
}

// Owners is implemented by a Store that can list an owner's records.
type Owners interface {
	// Owned yields the live records of the namespace whose Owner equals owner
	// byte for byte, as All does. An empty owner owns nothing. A damaged record
	// whose owner cannot be read is left out, or yielded as an error.
	Owned(ctx context.Context, owner string) iter.Seq2[Entry, error]
}

// Sweeper is implemented by a Store that removes expired records by itself and
// can be asked to do it now.
type Sweeper interface {
	// Sweep removes all records of the namespace that have expired, and returns
	// how many it removed. Those of other namespaces are for the stores that are
	// open there.
	Sweep(ctx context.Context) (int, error)
}

// Sealer is implemented by a Store that keeps no record: the client's token
// carries it. The manager then calls Seal and Unseal only; Load, Save, Touch
// and Delete return errors.ErrUnsupported.
type Sealer interface {
	// Seal encrypts and authenticates the key and the record, all but Hint,
	// into a token of cookie-safe characters. A token too long for a browser's
	// cookie is ErrTooLarge, in an error that names both sizes.
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

// Errors that a Store returns, wrapped or plain; errors.Is matches them.
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
