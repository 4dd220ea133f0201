package main

import (
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// damaged tells whether an error concerns one record alone.
func damaged(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}

// faulty says what is wrong with a record. One that a newer version wrote is
// whole, and must not be taken for damage.
func faulty(key driver.Key, err error) string {
	return fmt.Sprintf("%v %s: %s", key, faultOf(err), safe(err.Error()))
}

func faultOf(err error) string {
	if errors.Is(err, sessions.ErrNewerFormat) {
		return "is newer than this command"
	}
	return "is damaged"
}
