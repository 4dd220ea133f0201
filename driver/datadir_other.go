//go:build !unix

package driver

// checkExposure accepts every directory: here file modes do not show who may
// write.
func checkExposure(string) error { return nil }
