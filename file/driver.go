// Package file keeps each session in a file of its own under one directory.
//
// Choose it for programs that run on one machine, as one process or as many,
// and want sessions to outlive a restart without another server. Choose dbm if
// many sessions are written at the same time and disk blocks are dear, and
// database, memcached or google where several machines serve the same clients.
//
//	import _ "github.com/pump-go/sessions/file"
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "file", DataDir: "/var/lib/app/sessions"})
//
// The directory is made if it is missing. All processes that share it run as
// one user, with the same LockDir.
//
// # URLs
//
//	file:///var/lib/app/sessions     an absolute directory, in place of DataDir
//	file:data/sessions               one relative to the working directory
//	file:?sync=true                  DataDir, with Options.Sync
//
// The parameter sync, true or false, goes with each form; anything else is an
// error.
//
// # Durability
//
// A session that was saved survives the death of the program in any manner,
// kill -9 included: a file is written beside the old one, then renamed over it,
// so there is the old record or the new one and never a part. After a loss of
// power, what was saved last may be missing or damaged. With [Options.Sync]
// each change is on the disk before it is acknowledged, at the price of two
// flushes of the disk, or up to five for a new session.
//
// # Layout
//
//	records/ab/abcd…          the sessions, named by key, in 256 directories
//	records/ab/unfinished     one being written, or left by a killed process
//	owners/abc/abcd….ef01…    empty files: SHA-256 of the owner, and the key
//	expiry/1700000000000.log  which sessions to look at from that instant on
//	expiry/complete           the index covers all the records
//	locks/ab                  one lock file for each directory of records
//
// With a namespace, all of this is in ns.NAME.d, and with a LockDir the locks
// are in its directory file. Directories have mode 0700 and files 0600,
// whatever the umask. A record carries a checksum; a damaged one is
// sessions.ErrCorrupt, and harms no other.
//
// Reading takes no lock. Writing takes the lock of the one directory, by
// github.com/gofrs/flock, which the kernel releases when a process dies. Who
// waits asks again every 250 µs, until its context ends. What a dead process
// left unfinished is cleared away by the next to write there, or by the sweep,
// whatever its age: under the lock, nobody alive can be writing it.
//
// The step that replaces a file is [github.com/natefinch/atomic.ReplaceFile],
// for Unix and Windows alike. (Its WriteFile, and github.com/google/renameio,
// flush each file to the disk, wanted or not, and renameio is not for Windows.
// So writing the unfinished file is a few lines of our own: under the lock one
// fixed name will do, and nothing can pile up.)
//
// A symbolic link, hard link, FIFO or directory in place of a record is never
// followed, read, waited for or written through: it is sessions.ErrCorrupt, and
// the session starts anew. Links in place of the store's own directories are
// refused.
//
// # How expired sessions are found
//
// A line with expiry and key goes into a log in expiry before a session's
// record is first written. The logs are named for the minute, or if it is more
// than a day away the day, of the expiry. A later save that extends the session
// writes no other line. The sweep reads the logs whose time has come, and opens
// the sessions named there: one that has expired is removed, one that was
// extended gets a line at its new expiry. So a session is looked at about once
// for each IdleTimeout that it lives, and no sweep reads those that are not due.
// Several processes may sweep; they take turns, and none holds up a reader.
//
// # Limits
//
// A session holds up to 16 MiB, its owner up to 255 bytes. Each takes a block
// of the disk and an inode, with an owner a second inode. A million sessions
// are some 4,000 files a directory, which ext4, XFS, Btrfs, APFS and NTFS take
// in their stride. If anything deletes lock files while programs run, or
// programs differ in their LockDir, two writers may meet, and one's change be
// lost.
//
// On NFS, flock needs Linux 2.6.12 or later and a lock server on both sides,
// and a client may serve a file from its cache for some seconds after another
// has replaced it: prefer a database there.
//
// Windows has no modes and no flush of a directory: access is what the
// directory's list says. The package is built and vetted for it, and not tested
// on it.
//
// # Backups
//
// Copy the directory as it is, while programs run: each file is whole. A copy
// must not be of hard links, which count as planted. After putting a copy back,
// delete expiry/complete: the next sweep then reads all records once and
// completes both indexes. Do the same after a loss of power without Sync, or a
// few expired sessions may stay on the disk for good.
package file

import (
	"context"
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

func init() { sessions.Register("file", New(Options{})) }

// Options are the settings of the store; the zero value is the registered
// default.
type Options struct {
	// Sync has each change on the disk before it is acknowledged, so that it
	// survives a loss of power. The default is to survive the program's death
	// alone. The sync of a URL takes its place.
	Sync bool
}

// New returns a driver for sessions.Options.Driver. Its Open fails if there is
// no directory to keep the sessions in, or the URL is at fault.
func New(o Options) driver.Driver {
	return driver.OpenFunc(func(_ context.Context, cfg driver.Config) (driver.Store, error) {
		o := o
		if cfg.URL != "" {
			dir, err := o.readURL(cfg.URL)
			switch {
			case err != nil:
				return nil, fmt.Errorf("file: open: %w", err)
			case dir != "" && cfg.DataDir != "":
				return nil, errors.New("file: open: Options.DataDir and Options.URL both name a directory: set one of them")
			case dir != "":
				cfg.DataDir = dir
			}
		}
		if cfg.DataDir == "" {
			return nil, errors.New("file: open: Options.DataDir is empty; set it to the directory for the sessions")
		}
		s, err := newStore(cfg.WithDefaults(), o)
		if err != nil {
			return nil, fmt.Errorf("file: open: %w", err)
		}
		return s, nil
	})
}
