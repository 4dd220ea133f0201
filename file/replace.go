package file

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/natefinch/atomic"
)

// replace puts a new file with these bytes at the record's name in one step: readers
// see the old file or the new one. The caller holds the lock of the record's
// directory.
func (s *store) replace(name string, b []byte) error {
	if err := s.records.ensure(name); err != nil {
		return err
	}
	temp := s.tempOf(name)
	_, err := writeNew(temp, b, s.sync, false)
	if errors.Is(err, fs.ErrExist) {
		if err = s.cleanTemp(temp); err == nil {
			_, err = writeNew(temp, b, s.sync, false)
		}
	}
	if err != nil {
		return err
	}
	path := s.records.file(name)
	err = atomic.ReplaceFile(temp, path)
	for tries := 0; isBusy(err) && tries < 100; tries++ {
		time.Sleep(time.Millisecond)
		err = atomic.ReplaceFile(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the first error is returned
		return err
	}
	if s.sync {
		return syncDir(s.records.shard(name))
	}
	return nil
}

// tempOf returns the path at which the record with that name is written.
func (s *store) tempOf(name string) string {
	return s.records.shard(name) + separator + tempName
}

// cleanTemp removes the file of a process that was killed while it was writing. No
// live process is writing it, since the caller holds the lock of the directory.
func (s *store) cleanTemp(temp string) error {
	info, err := os.Lstat(temp)
	if err != nil {
		return ignoreAbsent(err)
	}
	if !info.Mode().IsRegular() || !s.tree.trust.owns(info) {
		return s.tree.setAside(temp, foreignAt(temp))
	}
	return ignoreAbsent(os.Remove(temp))
}
