package sessions

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// unfit tells why stored bytes do not decode into a type. Its text quotes none
// of them, since it gets into logs, where nobody's data belongs; that of the
// decoder's error, which it wraps, may.
type unfit struct{ cause error }

func (e unfit) Error() string {
	var kind *cbor.UnmarshalTypeError
	if errors.As(e.cause, &kind) {
		field := ""
		if kind.StructFieldName != "" {
			field = " of the field " + kind.StructFieldName
		}
		return fmt.Sprintf("%v: %s for %s%s", ErrValue, kind.CBORType, kind.GoType, field)
	}
	return fmt.Sprintf("%v: %T", ErrValue, e.cause)
}

// Unwrap is for errors.Is and errors.As.
func (e unfit) Unwrap() []error { return []error{ErrValue, e.cause} }
