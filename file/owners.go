package file

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// owners is the index by owner: for each record that has one, an empty file
// that is named by the owner's digest and the record's key. It may name records
// that have gone, or have another owner by now; who lists it looks.
type owners struct {
	fan  *fan
	tree *tree
}

func newOwners(t *tree, dir string) *owners {
	return &owners{fan: newFan(t, dir, 3), tree: t}
}

// prefixOf is what the names of an owner's entries begin with. Whatever an
// owner is called, it is hex.
func prefixOf(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return hex.EncodeToString(sum[:]) + "."
}

// add makes the entry. The caller holds the lock of the record's directory.
func (o *owners) add(owner, key string) error {
	entry := prefixOf(owner) + key
	for again := true; ; again = false {
		if err := o.fan.ensure(entry); err != nil {
			return err
		}
		f, err := openFile(o.fan.file(entry), os.O_CREATE|os.O_WRONLY, o.tree.trust)
		if again && errors.Is(err, fs.ErrNotExist) { // the directory has gone
			o.fan.forget(entry)
			continue
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return err
		}
		if o.tree.sync {
			return syncDir(o.fan.under(entry))
		}
		return nil
	}
}

// drop removes the entry, if it can: one too many does no harm.
func (o *owners) drop(owner, key string) {
	if owner == "" {
		return
	}
	if entry := prefixOf(owner) + key; o.fan.check(entry) == nil {
		_ = os.Remove(o.fan.file(entry))
	}
}

// keys returns the keys that the index has for owner.
func (o *owners) keys(owner string) ([]driver.Key, error) {
	prefix := prefixOf(owner)
	var keys []driver.Key
	err := o.fan.check(prefix)
	if err == nil {
		err = eachName(o.fan.under(prefix), func(name string) {
			if rest, ok := strings.CutPrefix(name, prefix); ok {
				if key, err := driver.ParseKey(rest); err == nil {
					keys = append(keys, key)
				}
			}
		})
	}
	return keys, ignoreAbsent(err)
}

// eachName calls f with each name in dir, in no order.
func eachName(dir string, f func(name string)) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(1024)
		for _, name := range names {
			f(name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
