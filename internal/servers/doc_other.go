//go:build !unix

// Package servers starts private database servers for tests, on Unix.
package servers
