package content

import (
	"errors"

	"github.com/pump-go/sessions/driver"
)

// A forward replaces the record of a session that has a new ID, for a short time.
// Its data is a format byte of its own and the key of the session's new record.
// Programs that do not know the format answer with driver.ErrNewerFormat.
const forwardFormat = 2

// ErrForward is returned by Parse for the data of a forward.
var ErrForward = errors.New("the record is a forward of a renewed session")

// EncodeForward returns the data of a forward to the record at key.
func EncodeForward(key driver.Key) []byte { return append([]byte{forwardFormat}, key[:]...) }

// ParseForward returns the key that the data of a forward holds. ok reports
// whether it is a forward.
func ParseForward(data []byte) (key driver.Key, ok bool) {
	if len(data) != 1+len(key) || data[0] != forwardFormat {
		return key, false
	}
	return driver.Key(data[1:]), true
}
