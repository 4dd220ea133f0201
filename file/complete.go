package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pump-go/sessions/driver"
)

// begin makes the store's directories in the program's, or checks those that
// are there. Of a store without records it says that its indexes are complete.
func (s *store) begin(dir, root string) error {
	_, err := os.Lstat(s.records.dir)
	empty := errors.Is(err, fs.ErrNotExist)
	for _, d := range []string{root, s.records.dir, s.owners.fan.dir, s.expiry.dir} {
		if d == dir {
			continue
		}
		if err := s.tree.ensure(d); err != nil {
			return err
		}
	}
	if empty {
		return s.mark()
	}
	return nil
}

// complete sees to it that both indexes have every record, which they do from
// the store's first record on unless somebody has removed the file that says
// so: after putting back a backup, or a loss of power. Then each record is read
// once.
func (s *store) complete(ctx context.Context) error {
	_, err := os.Lstat(filepath.Join(s.expiry.dir, complete))
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := range recordDirs {
		keys, err := s.keys(ctx, i)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := s.reindex(ctx, key); err != nil {
				return err
			}
		}
	}
	return s.mark()
}

// mark says that the indexes are complete.
func (s *store) mark() error {
	f, err := openFile(filepath.Join(s.expiry.dir, complete), os.O_CREATE|os.O_WRONLY, s.tree.trust)
	if err != nil {
		return err
	}
	return f.Close()
}

// reindex writes the record's lines and entries, as if it were new.
func (s *store) reindex(ctx context.Context, key driver.Key) error {
	lock := &s.locks.dirs[dirOf(key)]
	if err := lock.lock(ctx); err != nil {
		return err
	}
	defer lock.unlock()
	name, now := key.String(), s.now()
	rec, err := s.read(name)
	switch {
	case err == driver.ErrNotFound:
		return nil
	case errors.Is(err, driver.ErrCorrupt), errors.Is(err, driver.ErrNewerFormat):
		return s.expiry.add(name, now+later, now)
	case err != nil:
		return err
	}
	return s.index(name, driver.Record{}, rec)
}
