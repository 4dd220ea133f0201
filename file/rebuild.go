package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pump-go/sessions/driver"
)

// completeName is the name of the file that exists if both indexes cover all
// records.
const completeName = "complete"

func (s *store) completePath() string { return filepath.Join(s.expiry.dir, completeName) }

// markComplete records that both indexes cover all records.
func (s *store) markComplete() error { return createEmpty(s.completePath()) }

// rebuildIndex adds all records to both indexes if they may lack some: after
// part of an index was lost, or after an operator removed the file "complete"
// because a backup was restored or the power failed. It reads each record once.
func (s *store) rebuildIndex(ctx context.Context) error {
	_, err := os.Lstat(s.completePath())
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := range shardCount {
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
	return s.markComplete()
}

// reindex adds the record to the indexes as if it were new.
func (s *store) reindex(ctx context.Context, key driver.Key) error {
	lock := s.locks.of(key)
	if err := lock.lock(ctx); err != nil {
		return err
	}
	defer lock.unlock()
	name, now := key.String(), s.now()
	rec, err := s.read(name, true)
	switch {
	case err == errUnborn:
		return s.remove(name, "", err)
	case err == driver.ErrNotFound:
		return nil
	case errors.Is(err, driver.ErrCorrupt), errors.Is(err, driver.ErrNewerFormat):
		return s.expiry.add(name, now+lookAgain, now)
	case err != nil:
		return err
	}
	return s.index(name, driver.Record{}, rec)
}
