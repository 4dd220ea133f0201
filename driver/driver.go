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
// sessionstest.Run tests every rule below that can be observed through the Store,
// and each failure states the broken rule. docs/writing-a-driver.md in this
// module builds a driver step by step.
//
// The other interfaces are optional. Each enables a feature:
//
//   - [Lister]: iterating over, counting and copying all sessions;
//   - [Owners]: finding and ending a user's sessions;
//   - [Sweeper]: removing expired records on an operator's command;
//   - [Renewer]: a sign-in in one round trip less;
//   - [Sealer]: storing the record in the client's token (the cookie store).
//
// A store that wraps another has a method Unwrap() Store. It need not repeat the
// optional interfaces of the inner store: the manager finds them with [As], except
// Renewer.
//
// [Gate], [StartSweeper], [AppendRecord] and [ParseRecord] help to implement the
// rules. Their use is optional.
//
// # The rules
//
//  1. Expiry. From Expires on, a record is absent to every method, whether or
//     not it has been removed. The clock is Config.Now, never the server's. Load
//     never returns a partly written record.
//  2. Certainty. [ErrConflict] means that this call certainly wrote nothing and
//     never will. So does [ErrNotWritten], for a refusal or a failure before the
//     write was sent. If the outcome is unknown (a timeout, a lost connection),
//     return another error; the manager then uses the version to find out whether
//     the write happened. So a client library below the Store must not repeat a
//     write that may have run.
//  3. Deletion is final. No Save and no Touch based on a record loaded before
//     a Delete restores it, in whatever order the calls arrive.
//  4. Order. When a call has acknowledged a change, every later call sees it, in
//     any goroutine, process or machine that shares the backend. Whether a write
//     survives a crash of the machine depends on the store, which documents it.
//     Namespaces are separate: no call sees or changes a record or an index
//     entry of another namespace, even where the keys are equal.
//  5. Bounded time. A call returns soon after its context ends, with an error
//     that wraps the context's, even if a server is down or hangs, or another
//     call or process holds a lock. If the call has completed by then, it may
//     return its result. A call whose context has already ended changes nothing.
//     Done of the manager's contexts starts a timer, so call it only to wait. To
//     interrupt a call when its context ends, use [AfterFunc].
//  6. Bytes. Data and Owner are returned byte for byte, including NUL and
//     invalid UTF-8; Data may be empty. A Store does not keep a slice passed to
//     it, nor return one that it keeps. Above the limit that the store documents,
//     Save fails with [ErrTooLarge].
//  7. Damage. Load returns [ErrCorrupt] for a damaged record, and
//     [ErrNewerFormat] for one written by a newer version of the store. Neither
//     affects other records, a listing, a sweep or the next Open. Delete with
//     version 0 removes it. What any other Delete, a Save or a Touch does to it,
//     and whether a sweep removes it, is up to the store.
//  8. Removal. The store itself removes the expired records of its namespace,
//     in small batches, using an index rather than reading all records. The step
//     that deletes a record checks its expiry again, so that a record refreshed
//     during the sweep is kept. Readers never wait for a sweep.
//  9. Listing. A listing holds no lock, transaction or connection while it
//     yields. A record that exists throughout the listing is yielded exactly
//     once, even if it is saved or touched during it: continue after the last
//     key, not at an offset, an expiry or a modification time.
//  10. Owners. Owned misses no record that was acknowledged before the call
//     and still exists. If the index is separate from the record, write the index
//     entry first, and check each entry against its record.
//  11. Close waits for calls in progress and ends the store's goroutines. It may
//     be called more than once; each call returns when the store is closed. Every
//     later call fails with [ErrClosed]. A listing is in progress during its
//     steps, not between them: Close does not wait for the loop's body, and the
//     next step may yield ErrClosed.
//
// All methods may be called concurrently.
//
// # Indexes
//
// If index entries are stored apart from their records, some can remain without a
// record: if the process dies between the two writes, or if a record is damaged, so
// that Delete cannot read its owner and expiry. The sweep must remove these entries.
// It looks up the record of each entry, and removes the entry if the record is
// missing, or if it is damaged and the entry's expiry has passed. For this, an entry
// of the expiry index contains the expiry. Entries of the owner index may instead
// expire with their records.
package driver

import (
	"context"
	"errors"
	"iter"
)

// Driver opens stores of one kind.
type Driver interface {
	// Open checks the configuration and returns a Store for it. It returns an
	// error if the configuration is invalid or DataDir cannot be created, but not
	// if a server is down: each call then fails until the server is back. The same
	// holds for a directory that fills up or disappears later. An error never
	// quotes a password or a whole URL.
	//
	// Open locks a database that only one process can open (Pebble, Badger,
	// LevelDB). If another process or Store holds the lock, Open may wait a few
	// seconds, since the previous process of a restarted program may still be
	// exiting; then it fails with an error that names the lock. It never waits
	// after ctx has ended.
	Open(ctx context.Context, cfg Config) (Store, error)
}

// Schemes is implemented by a Driver whose URL schemes differ from the name under
// which it is registered, so that Options.URL alone can select it.
type Schemes interface {
	// Schemes returns the schemes in lower case, such as "redis" and "rediss".
	// Each also matches the scheme with a suffix: "mysql" matches mysql+pymysql://.
	Schemes() []string
}

// OpenFunc is an adapter that lets a function be used as a Driver.
type OpenFunc func(ctx context.Context, cfg Config) (Store, error)

// Open calls f.
func (f OpenFunc) Open(ctx context.Context, cfg Config) (Store, error) { return f(ctx, cfg) }

// Store stores session records. A key cannot be used to open its session, so the
// contents of the backend cannot be used to sign in. The package documentation has
// the rules for all methods.
type Store interface {
	// Load returns the record at key, or ErrNotFound.
	Load(ctx context.Context, key Key) (Record, error)

	// Save writes rec at key in one atomic step, with rec.Version as its new
	// version. If old is 0, it creates the record, provided that there is no live
	// one. Otherwise it replaces the live record, provided that its version is old;
	// it never creates one. If the condition does not hold, Save writes nothing and
	// returns ErrConflict.
	//
	// Save may or may not write a rec that has already expired.
	//
	// rec.Hint is the hint that Load returned with version old, or nil.
	Save(ctx context.Context, key Key, old Version, rec Record) error

	// Touch sets the live record's Accessed and Expires to rec's if its version
	// is rec.Version. Otherwise it writes nothing and returns ErrConflict. It
	// changes nothing else, not even the version.
	//
	// rec is a record that Load returned, with only those two fields changed, so a
	// Store may write all of it.
	Touch(ctx context.Context, key Key, rec Record) error

	// Delete removes the record at key. If version is 0, it removes any record,
	// and returns nil if there is none. Otherwise it removes the live record if its
	// version is version, else it returns ErrConflict.
	Delete(ctx context.Context, key Key, version Version) error

	// Close releases what Open acquired. It does not close what the application
	// opened and passed in, such as a *sql.DB or a client.
	Close() error
}

// Entry is one record of a listing.
type Entry struct {
	Key    Key
	Record Record
}

// Lister is implemented by a Store that can list its records.
type Lister interface {
	// All yields every live record of the namespace in no particular order, each
	// in a state it had during the listing: a store may read ahead. A record that
	// is damaged or of a newer format is yielded as an error with its Key set, and
	// the listing continues; after any other error it ends. If ctx ends, the
	// listing ends with an error, or yields all remaining records if it has already
	// read them: it never ends early without an error.
	//
	// The sequence can be iterated more than once; each time it yields the records
	// that exist then.
	All(ctx context.Context) iter.Seq2[Entry, error]
}

// Owners is implemented by a Store that can list an owner's records.
type Owners interface {
	// Owned yields the live records of the namespace whose Owner equals owner
	// byte for byte, as All does. For an empty owner it yields nothing. A damaged
	// record whose owner cannot be read is omitted or yielded as an error.
	Owned(ctx context.Context, owner string) iter.Seq2[Entry, error]
}

// Sweeper is implemented by a Store that removes expired records itself.
type Sweeper interface {
	// Sweep removes all expired records of the namespace and returns their number.
	// It leaves the records of other namespaces alone.
	Sweep(ctx context.Context) (int, error)
}

// Renewer is implemented by a Store that can give a session a new key in one round
// trip. Otherwise the manager calls Save twice.
//
// The manager does not look for it with [As]: a Renew is a write, and a wrapper that
// counts, delays or changes writes must not be bypassed. So only the outermost Store's
// Renew is called. A wrapper that has one forwards it to the Renewer that it wraps, or
// returns errors.ErrUnsupported.
type Renewer interface {
	// Renew writes two records in one atomic step: it replaces the live record at
	// oldKey by forward, provided that its version is old, and creates rec at key,
	// provided that there is no live record. The keys differ. If one of the two
	// conditions does not hold, Renew writes nothing and returns ErrConflict. Nobody
	// ever sees one record without the other, and after a crash there are both or
	// neither.
	//
	// All rules of Save apply to both records. forward.Hint is the hint that Load
	// returned with version old, or nil; rec.Hint is nil.
	//
	// An error that wraps errors.ErrUnsupported means that nothing was written: the
	// manager then calls Save. It is for a store that cannot write these two keys in one
	// step, such as a cluster that keeps them on different servers.
	Renew(ctx context.Context, oldKey Key, old Version, forward Record, key Key, rec Record) error
}

// Sealer is implemented by a Store that keeps no records, but puts each into the
// client's token. The manager calls only Seal and Unseal; Load, Save, Touch and
// Delete return errors.ErrUnsupported.
type Sealer interface {
	// Seal encrypts and authenticates the key and the record, without its Hint,
	// and returns a token of characters valid in a cookie. If the token is too long
	// for a cookie, the error wraps ErrTooLarge and names both sizes.
	Seal(key Key, rec Record) (token string, err error)

	// Unseal is the reverse of Seal. It returns ErrNotFound for a token that Seal
	// did not create with this cookie name and one of the current keys, and for a
	// record that has expired.
	Unseal(token string) (Sealed, error)
}

// Sealed is the content of a token.
type Sealed struct {
	Key    Key
	Record Record
	Stale  bool // sealed under a previous secret, so the token should be replaced
}

// Errors that a Store returns, possibly wrapped; match them with errors.Is.
var (
	// ErrNotFound is returned when there is no live record.
	ErrNotFound = errors.New("session not found")
	// ErrConflict is returned when there is no live record at the given version:
	// it was changed, replaced or removed. Nothing was written.
	ErrConflict = errors.New("session changed or removed concurrently")
	// ErrCorrupt is returned when the stored bytes are damaged.
	ErrCorrupt = errors.New("session record damaged")
	// ErrNewerFormat is returned when a newer version wrote the stored bytes.
	ErrNewerFormat = errors.New("session record written by a newer version")
	// ErrTooLarge is returned when the record exceeds the store's limit. Nothing
	// was written.
	ErrTooLarge = errors.New("session too large")
	// ErrNotWritten is wrapped by an error of Save or Delete when the backend
	// certainly wrote nothing and will not: the connection was refused, or the
	// backend is read-only, out of connections or denied permission. The manager
	// then reports the error without loading the record to find out. Its use is
	// optional.
	ErrNotWritten = errors.New("nothing was written")
	// ErrClosed is returned after Close. Nothing was written.
	ErrClosed = errors.New("session store closed")
)
