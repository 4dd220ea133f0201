package dbm

import (
	"encoding/binary"

	"go.etcd.io/bbolt"

	"github.com/pump-go/sessions/driver"
)

// A namespace has three buckets. They are at the top level, not in a bucket of the
// namespace, so that a read opens only one:
//
//	sessions/NAMESPACE/records  key -> record, as driver.AppendRecord writes it
//	sessions/NAMESPACE/expires  expiry 8 bytes | key -> nothing; in order of expiry
//	sessions/NAMESPACE/owners   owner's length 1 byte | owner | key -> nothing
//
// One transaction changes all three, so they agree, except for the entries of a
// damaged record, which are unknown. So whoever reads an entry checks the record.
type names struct{ records, expires, owners []byte }

func namesOf(namespace string) *names {
	prefix := "sessions/" + namespace // the program may have other buckets: see NewWithDB
	return &names{[]byte(prefix + "/records"), []byte(prefix + "/expires"), []byte(prefix + "/owners")}
}

// buckets are the buckets of a namespace in a transaction.
type buckets struct {
	tx *bbolt.Tx
	*names
}

// missing reports whether the buckets do not exist yet. Either all exist or none.
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

// get returns the record at key, even an expired one. Its Version is 0 if there is
// none. Its Data is valid until the transaction ends.
func (b buckets) get(key driver.Key) (driver.Record, error) {
	records := b.in(b.records)
	if records == nil {
		return driver.Record{}, nil // no session was ever saved
	}
	raw := records.Get(key[:])
	if raw == nil {
		return driver.Record{}, nil
	}
	return driver.ParseRecord(raw)
}

// live is get, but ignores expired records.
func (b buckets) live(key driver.Key, now driver.Millis) (driver.Record, error) {
	rec, err := b.get(key)
	if err != nil || rec.Expires <= now {
		return driver.Record{}, err
	}
	return rec, nil
}

// put replaces was by rec, which is encoded in raw. If there was no record,
// was.Version is 0. An index is written only if the expiry or the owner has
// changed.
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

// delete removes was and its index entries.
func (b buckets) delete(key driver.Key, was *driver.Record) error {
	if err := b.in(b.expires).Delete(expiresKey(was.Expires, key)); err != nil {
		return err
	}
	if err := b.disown(was.Owner, key); err != nil {
		return err
	}
	return b.in(b.records).Delete(key[:])
}

// deleteAny removes the record at key at any version, even a damaged one, and
// reports whether there was one. The sweep removes the index entries of a damaged
// record.
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

// expiresKey returns the key of an entry in the expiry index. The entries are in
// the order of the expiry, even for negative ones.
func expiresKey(expires driver.Millis, key driver.Key) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(key)), uint64(expires)^1<<63)
	return append(b, key[:]...)
}

// ownersKey returns the key of an entry in the owner index. It begins with the
// owner's length, so that the entries of "ann" do not include those of "anna".
func ownersKey(owner string, key driver.Key) []byte {
	return append(ownersPrefix(owner), key[:]...)
}

func ownersPrefix(owner string) []byte {
	b := make([]byte, 0, 1+len(owner)+len(driver.Key{}))
	return append(append(b, byte(len(owner))), owner...)
}
