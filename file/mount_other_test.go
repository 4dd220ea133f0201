//go:build unix && !linux

package file

import "errors"

func mountSmall(string) error { return errors.ErrUnsupported }

func setReadOnly(string, bool) error { return errors.ErrUnsupported }

func unmount(string) {}
