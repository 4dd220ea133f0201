package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pump-go/sessions/driver"
)

// shardCount is the number of directories for records, which are named by the
// first two hex digits of the keys in them. So many keep a listing short, during
// which a directory is locked.
const shardCount = 1 << 8

// tempName is the name of a record that is being written. It is not a key, and
// one for each directory is enough: only the holder of the directory's lock
// writes it.
const tempName = "unfinished"

// namespaceDir returns the directory of a namespace in dir. The name is valid
// on Windows too, which drops a dot at the end and takes "con" for a device.
func namespaceDir(dir, namespace string) string {
	if namespace == "" {
		return dir
	}
	return filepath.Join(dir, "ns."+namespace+".d")
}

// A shardedDir is a directory of directories, which are named by the first hex
// digits of the names in them and created when they are needed.
type shardedDir struct {
	tree   *tree
	dir    string
	digits int
}

func newShardedDir(t *tree, dir string, digits int) *shardedDir {
	return &shardedDir{tree: t, dir: dir, digits: digits}
}

const separator = string(filepath.Separator)

// shard returns the directory of a name.
func (d *shardedDir) shard(name string) string {
	return d.dir + separator + name[:d.digits]
}

// file returns the path of a name.
func (d *shardedDir) file(name string) string {
	return d.dir + separator + name[:d.digits] + separator + name
}

// shardName returns the name of shard i.
func (d *shardedDir) shardName(i int) string { return fmt.Sprintf("%0*x", d.digits, i) }

// isShard reports whether name is the name of a shard.
func (d *shardedDir) isShard(name string) bool {
	return len(name) == d.digits && strings.Trim(name, "0123456789abcdef") == ""
}

// check returns an error unless the name's directory exists and is the store's.
func (d *shardedDir) check(name string) error { return d.tree.check(d.shard(name)) }

// ensure creates the name's directory if it is missing.
func (d *shardedDir) ensure(name string) error { return d.tree.ensure(d.shard(name)) }

// checkAll checks all the directories that exist.
func (d *shardedDir) checkAll() error {
	return d.tree.checkEntries(d.dir, d.isShard, d.tree.checkOne)
}

// open opens a file, to write to it too if write is set.
//
// If the system can open a path without following links, that also checks the
// directories. If it cannot, or returns an error, the directories are checked one by
// one, because a dangling link must not be taken for a missing file.
func (d *shardedDir) open(name string, write bool) (recordFile, error) {
	path := d.file(name)
	f, err := openRecord(path, d.tree.trust, write, true)
	if err == nil || errors.Is(err, driver.ErrCorrupt) {
		return f, err
	}
	if err := d.check(name); err != nil {
		return recordFile{}, err
	}
	return openRecord(path, d.tree.trust, write, false)
}

// create creates a file with these bytes, and the directories that are missing. If
// there is something with that name, it returns fs.ErrExist.
//
// As in open, the system checks the directories if it can. If it cannot, or for any
// other error of creating the file, it is tried once more after they are checked one by
// one. An error of writing is final: the file may still be there, and fs.ErrExist would
// hide that it is this one.
func (d *shardedDir) create(name string, b []byte, sync bool) error {
	path := d.file(name)
	created, err := writeNew(path, b, sync, true)
	if created || errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.ensure(name); err != nil {
		return err
	}
	_, err = writeNew(path, b, sync, false)
	return err
}

// shardOf returns the number of the key's directory.
func shardOf(key driver.Key) int { return int(key[0]) }

// createDirs creates the store's directories, or checks those that exist and
// what is in them. It records that the indexes of an empty store are complete.
func (s *store) createDirs() error {
	_, err := os.Lstat(s.records.dir)
	empty := errors.Is(err, fs.ErrNotExist)
	for _, dir := range []string{s.records.dir, s.owners.dirs.dir, s.expiry.dir} {
		if err := s.tree.ensure(dir); err != nil {
			return err
		}
	}
	if err := errors.Join(s.records.checkAll(), s.owners.dirs.checkAll(), s.locks.checkAll()); err != nil {
		return err
	}
	if empty {
		return s.markComplete()
	}
	return nil
}
