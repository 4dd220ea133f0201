package file

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/pump-go/sessions/driver"
)

// How many directories there are for records and for owners, each a power of
// 16: they are named by the first hex digits of what is inside.
const (
	recordDirs = 1 << 8
	ownerDirs  = 1 << 12
)

// unfinished is a record being written. It is no key, and there is one for
// each directory: who holds the directory's lock is its only writer.
const unfinished = "unfinished"

// namespaced returns where in dir the namespace's part is. The name is fit for
// Windows too, which drops a dot at the end and knows "con" for a device.
func namespaced(dir, namespace string) string {
	if namespace == "" {
		return dir
	}
	return filepath.Join(dir, "ns."+namespace+".d")
}

// fan is a directory of directories, which are made as they are needed.
type fan struct {
	tree   *tree
	dir    string
	digits int
	// known are those found sound since the store was opened. Their parent is
	// ours alone, so they stay so.
	known []atomic.Bool
}

func newFan(t *tree, dir string, digits int) *fan {
	return &fan{tree: t, dir: dir + string(filepath.Separator), digits: digits, known: make([]atomic.Bool, 1<<(4*digits))}
}

// under is the directory for a name, its separator included.
func (f *fan) under(name string) string {
	return f.dir + name[:f.digits] + string(filepath.Separator)
}

// file is the path of a name.
func (f *fan) file(name string) string {
	return f.dir + name[:f.digits] + string(filepath.Separator) + name
}

// each is the name of directory i, for those who go through them all.
func (f *fan) each(i int) string { return fmt.Sprintf("%0*x", f.digits, i) }

func (f *fan) knows(name string) *atomic.Bool {
	i, _ := strconv.ParseUint(name[:f.digits], 16, 16) // names are hex
	return &f.known[i]
}

// check fails if the name's directory is not there, or is none of ours.
func (f *fan) check(name string) error {
	known := f.knows(name)
	if known.Load() {
		return nil
	}
	err := f.tree.check(f.under(name))
	known.Store(err == nil)
	return err
}

// ensure makes the name's directory if it is missing.
func (f *fan) ensure(name string) error {
	known := f.knows(name)
	if known.Load() {
		return nil
	}
	err := f.tree.ensure(f.under(name))
	known.Store(err == nil)
	return err
}

// forget has the name's directory checked again: it has gone.
func (f *fan) forget(name string) { f.knows(name).Store(false) }

// dirOf is the number of the key's directory and lock.
func dirOf(key driver.Key) int { return int(key[0]) }
