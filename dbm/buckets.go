package dbm

import (
	"encoding/binary"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

// A namespace has three buckets, on top so that a read opens but one:
//
//	sessions/NAMESPACE/records  key -> record, as driver.AppendRecord writes it
//	sessions/NAMESPACE/expires  expiry 8 bytes | key -> nothing; in order of expiry
//	sessions/NAMESPACE/owners   owner's length 1 byte | owner | key -> nothing
//
// They change in one transaction, so they agree, except that the entries of a
// damaged record are unknown. So each use of an entry checks the record.
type names struct{ records, expires, owners []byte }

func namesOf(namespace string) *names {
	prefix := "sessions/" + namespace // apart from what else is in a caller's own database
	return &names{[]byte(prefix + "/records"), []byte(prefix + "/expires"), []byte(prefix + "/owners")}
}

// buckets are the buckets of a namespace in a transaction.
type buckets struct {
	tx *bbolt.Tx
	*names
}

// missing reports whether the buckets do not exist yet: either all do or none.
func (b buckets) missing() bool { return b.in(b.records) == nil }

func (b buckets) create() error {
	for _, name := range [][]byte{b.records, b.expires, b.owners} {
		if _, err := b.tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

func (b buckets) in(name []byte) *bbolt.Bucket { return b.tx.Bucket(name) }

// get returns the record at key, expired or not; with version 0 if there is
// none. Its Data ends with the transaction.
func (b buckets) get(key driver.Key) (driver.Record, error) {
	records := b.in(b.records)
	if records == nil {
		return driver.Record{}, nil // nothing was written yet
	}
	raw := records.Get(key[:])
	if raw == nil {
		return driver.Record{}, nil
	}
	return driver.ParseRecord(raw)
}

// live is get that ignores expired records.
func (b buckets) live(key driver.Key, now driver.Millis) (driver.Record, error) {
	rec, err := b.get(key)
	if err != nil || rec.Expires <= now {
		return driver.Record{}, err
	}
	return rec, nil
}

// put replaces was, which may be no record, by rec, whose bytes are raw. It leaves
// an index alone if the expiry or owner is the same.
func (b buckets) put(key driver.Key, was, rec *driver.Record, raw []byte) error {
	if was.Version == 0 || was.Expires != rec.Expires {
		if was.Version != 0 {
			if err := b.in(b.expires).Delete(expiresKey(was.Expires, key)); err != nil {
				return err
			}
		}
		if err := b.in(b.expires).Put(expiresKey(rec.Expires, key), nil); err != nil {
			return err
		}
	}
	if was.Owner != rec.Owner {
		if err := b.disown(was.Owner, key); err != nil {
			return err
		}
		if rec.Owner != "" {
			if err := b.in(b.owners).Put(ownersKey(rec.Owner, key), nil); err != nil {
				return err
			}
		}
	}
	return b.in(b.records).Put(key[:], raw)
}

func (b buckets) disown(owner string, key driver.Key) error {
	if owner == "" {
		return nil
	}
	return b.in(b.owners).Delete(ownersKey(owner, key))
}

// delete removes was from all three.
func (b buckets) delete(key driver.Key, was *driver.Record) error {
	if err := b.in(b.expires).Delete(expiresKey(was.Expires, key)); err != nil {
		return err
	}
	if err := b.disown(was.Owner, key); err != nil {
		return err
	}
	return b.in(b.records).Delete(key[:])
}

// deleteAny removes whatever is at key, and reports whether there was anything.
// What the indexes have of a damaged record is left to the sweep.
func (b buckets) deleteAny(key driver.Key) (bool, error) {
	was, err := b.get(key)
	switch {
	case err != nil:
		return true, b.in(b.records).Delete(key[:])
	case was.Version == 0:
		return false, nil
	default:
		return true, b.delete(key, &was)
	}
}

// expiresKey begins with the expiry so that bytes are in the order of numbers,
// the negative ones included.
func expiresKey(expires driver.Millis, key driver.Key) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(key)), uint64(expires)^1<<63)
	return append(b, key[:]...)
}

// ownersKey begins with the owner's length, so that no owner's entries are
// among those of another whose name it begins with.
func ownersKey(owner string, key driver.Key) []byte {
	return append(ownersPrefix(owner), key[:]...)
}

func ownersPrefix(owner string) []byte {
	b := make([]byte, 0, 1+len(owner)+len(driver.Key{}))
	return append(append(b, byte(len(owner))), owner...)
}
