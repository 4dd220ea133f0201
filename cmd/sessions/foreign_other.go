//go:build !unix

package main

import "io/fs"

// foreign is nobody: there is no root here.
func foreign(fs.FileInfo) string { return "" }
