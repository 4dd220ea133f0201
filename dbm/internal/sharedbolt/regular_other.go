//go:build !unix

package sharedbolt

import "io/fs"

// noFollow is a Unix flag.
const noFollow = 0

// ownedBy always returns true: access depends on the directory's access list.
func ownedBy(_, _ fs.FileInfo) bool { return true }
