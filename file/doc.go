// Package file is a session store that keeps each session in a file of its own, in
// one directory.
//
// Use it for programs on one machine, in one process or several, whose sessions
// must survive a restart without a database server. Use package dbm if disk space
// and inodes matter, and package database, memcached or google if several machines
// serve the same clients.
//
//	import _ "github.com/pump-go/sessions/file"
//
//	m, err := sessions.New(ctx, sessions.Options{Store: "file", DataDir: "/var/lib/app/sessions"})
//
// The directory is created if it is missing. All processes that share it must
// run as the same user, with the same LockDir.
//
// # URLs
//
//	file:///var/lib/app/sessions     an absolute directory, in place of DataDir
//	file:data/sessions               a directory relative to the working directory
//	file:?sync=true                  DataDir, with Options.Sync
//
// Each form accepts the parameter sync, which is true or false. Anything else is
// an error.
//
// # Durability
//
// A saved session survives the end of the program, even by kill -9. Each file has
// room for two records. A write goes into the one that is not current, in one
// call, with a sequence number and a checksum, so a reader finds the old record
// or the new one and never a part, and a write that is cut short leaves the old one.
// It needs no space on the disk, except on file systems that copy on write, such
// as Btrfs, ZFS and APFS; if there is none, it fails and changes nothing. slots.go
// explains why that is enough.
//
// After a power failure, the last changes may be missing or damaged. With
// [Options.Sync] each change is on the disk before it is acknowledged. That costs
// one flush of the disk, two if another process wrote the session last, and up to five
// for a new session. All programs that share the directory must then have Sync.
//
// If the disk damages the current record of a file, the record before it comes
// back: the store cannot distinguish that from a write that a crash cut short, since
// an acknowledged write leaves no other mark than its checksum. So the damage can
// undo the last change of that session, and if that was a new ID, by Renew or
// Invalidate, the session is found by its old ID again until it expires. If both
// records are damaged, or the file was written only once, that is
// sessions.ErrCorrupt. No other session is affected. A file system with checksums of
// its own, such as ZFS and Btrfs, reports the damage instead.
//
// # Layout
//
//	records/ab/abcd…          the sessions, named by key, in 256 directories
//	records/ab/unfinished     a larger file for a record, being written or left by a
//	                          killed process
//	owners/abc/abcd….ef01…    empty files, named by SHA-256 of the owner, and key
//	expiry/1700000000000.log  which sessions to look at from that time on
//	expiry/complete           the indexes cover all records
//	locks/2b                  64 lock files, each for four directories of records
//
// With a namespace, all of this is in ns.NAME.d. With a LockDir, the locks are
// in the directory file in it. Directories have mode 0700 and files 0600, whatever
// the umask.
//
// A file has two slots of 2 KiB, or of 4 KiB with Sync, so that a failing write cannot
// damage the block of the other slot. For a larger record, a new file with larger
// slots takes the old one's place, with room to grow by a quarter; so it does for a
// much smaller record, for a file of an earlier version, and for one that has
// several hard links. A new session's file is created under its own name and
// written at once. A file that is not complete, because the creating process was
// killed, is no session; the sweep removes it.
//
// Reading takes no lock. Writing takes the lock of the record's directory, by flock
// or, where the system does not have it, by github.com/gofrs/flock; the kernel
// releases it when a process dies. A process that waits tries again every 250 µs until
// its context ends. An unfinished file that a dead process left is removed by the
// next process that needs the name, or by the sweep: the holder of the lock knows
// that no live process is writing it.
//
// A store keeps its lock files open, and the last four expiry logs that it wrote to: up
// to 69 files, and all stores of a process at most a quarter of those that it may have
// open. Before each use a store checks that the file still has its name; if not, it
// opens the one that has it. So as long as a store is open, the file system cannot be
// unmounted, or remounted read-only.
//
// [github.com/natefinch/atomic.ReplaceFile] replaces a file by a larger one on Unix and Windows.
// (Its WriteFile, and github.com/google/renameio, flush each file to the disk
// even if that is not wanted, and renameio does not support Windows.)
//
// # What does not belong to the store
//
// New returns an error for a data or lock directory that other users could
// replace or write to; see [driver.MakeDataDir]. In it, the store uses only files
// and directories of its own user and of the directory's owner. It never follows,
// reads, waits for or deletes anything else:
//
//   - In place of one of its directories, or of a lock file, New returns an
//     error. While the store is open, the calls that need it fail, so that no
//     session seems to be missing and no sign-out seems to be done. They work
//     again when the right directory is back. If a directory of records now
//     belongs to another user, only calls that remove or replace a file in it fail.
//   - In place of a record, it is sessions.ErrCorrupt: that session is lost.
//   - In place of an expiry log or an unfinished record, it costs a warning. The
//     store uses another file, and renames what is in the way to a name that ends
//     in .foreign.
//
// A lock file with the wrong mode is corrected when the store opens, and a directory
// also by a sweep, a deletion or a write that replaces a file. A second hard link
// to a record or log does no harm: the store does not write to such a file. A session
// whose file is removed while it is written is reported as gone.
//
// # How expired sessions are found
//
// Before a session is first written, a line with its expiry and key is added to a
// log in expiry. A log is for one minute, or for one day if that is more than a
// day away. Extending the session adds no other line. The sweep reads the logs
// that are due and looks at the sessions in them: an expired one is removed, one
// that was extended gets a line at its new expiry. So a session is looked at about
// once per idle timeout, and the sweep does not read those that are not due.
// Several processes may sweep; they take turns, and do not block readers.
//
// # Limits
//
// A session holds up to 16 MiB, its owner up to 255 bytes. Each session takes a
// disk block of 4 KiB and an inode, two blocks with Sync, and a second inode if it
// has an owner. A session of more than 2 KB takes two and a half times its size. A million
// sessions are about 4,000 files per directory, which ext4, XFS, Btrfs, APFS and
// NTFS handle well. If something deletes lock files while programs run, or the
// programs have different LockDirs, two of them may write at the same time, and
// the changes be lost.
//
// The file system must always show the same inode number for a file, as those of
// disks do. On one that does not, such as gocryptfs with -sharedstorage, every
// write fails when its context ends.
//
// On NFS, flock needs Linux 2.6.12 or later and a lock server on both sides, and
// a client may read an old state of a file from its cache for some seconds: prefer a
// database there.
//
// Windows has no modes and cannot flush a directory: access depends on the
// directory's access list. The package compiles for Windows but is not tested
// there.
//
// # Backups
//
// While programs run, make a copy by hard links (cp -al) on the same file system, and
// copy that elsewhere. Every session in it is whole: the store does not write to a
// file with a second link, but replaces it. So the first write to each session after
// the copy is slower. A plain copy (cp -a, tar, rsync) reads files that are being
// written, and a session that is written twice while its file is being read may
// arrive damaged; a snapshot of the file system, or "sessions copy", may be used
// too. After restoring a copy, delete expiry/complete: the next sweep
// then reads all records once and completes both indexes. Do the same after a
// power failure without Sync, or some expired sessions may stay on the disk
// forever.
package file
