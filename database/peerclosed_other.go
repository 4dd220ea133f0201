//go:build !unix

package database

import "net"

// peerClosed cannot check here; the next statement fails instead.
func peerClosed(net.Conn) bool { return false }
