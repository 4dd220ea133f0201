package main

import (
	"errors"
	"fmt"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
)

// damaged reports whether an error concerns only one record.
func damaged(err error) bool {
	return errors.Is(err, driver.ErrCorrupt) || errors.Is(err, driver.ErrNewerFormat)
}

// faulty returns a message about an unreadable record. A record written by a newer
// version is not called damaged.
func faulty(key driver.Key, err error) string {
	return fmt.Sprintf("%v %s: %s", key, faultOf(err), safe(err.Error()))
}

func faultOf(err error) string {
	if errors.Is(err, sessions.ErrNewerFormat) {
		return "is newer than this command"
	}
	return "is damaged"
}
