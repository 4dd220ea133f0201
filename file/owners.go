package file

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// owners is the index by owner. For each record that has an owner there is an
// entry, an empty file named by the owner's digest and the record's key. Only
// the name matters, so an entry is never opened once it exists. Entries may name
// records that are gone or have another owner; a listing checks.
type owners struct{ dirs *shardedDir }

func newOwners(t *tree, dir string) *owners { return &owners{newShardedDir(t, dir, 3)} }

// prefixOf returns what the names of an owner's entries begin with. It is hex,
// whatever the owner is called.
func prefixOf(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:]) + "."
}

// add creates the entry. The caller holds the lock of the record's directory.
func (o *owners) add(owner, key string) error {
	entry := prefixOf(owner) + key
	if err := o.dirs.ensure(entry); err != nil {
		return err
	}
	if err := createEmpty(o.dirs.file(entry)); err != nil {
		return err
	}
	if o.dirs.tree.sync {
		return syncDir(o.dirs.shard(entry))
	}
	return nil
}

// drop removes the entry if it can; an entry too many does no harm.
func (o *owners) drop(owner, key string) {
	if owner == "" {
		return
	}
	if entry := prefixOf(owner) + key; o.dirs.check(entry) == nil {
		_ = os.Remove(o.dirs.file(entry))
	}
}

// keys returns the keys that the index has for the owner.
func (o *owners) keys(owner string) ([]driver.Key, error) {
	prefix := prefixOf(owner)
	if err := o.dirs.check(prefix); err != nil {
		return nil, ignoreAbsent(err)
	}
	var keys []driver.Key
	err := eachName(o.dirs.shard(prefix), func(name string) {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if key, err := driver.ParseKey(rest); err == nil {
				keys = append(keys, key)
			}
		}
	})
	return keys, ignoreAbsent(err)
}
