package codec

import (
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// decodeError is the reason why stored bytes cannot be decoded into a type. Its
// text quotes none of them, because it is logged; that of the decoder's error,
// which it wraps, may.
type decodeError struct{ cause error }

func (e decodeError) Error() string {
	var kind *cbor.UnmarshalTypeError
	if errors.As(e.cause, &kind) {
		field := ""
		if kind.StructFieldName != "" {
			field = " of the field " + kind.StructFieldName
		}
		return fmt.Sprintf("%v: %s for %s%s", ErrInvalidValue, kind.CBORType, kind.GoType, field)
	}
	return fmt.Sprintf("%v: %T", ErrInvalidValue, e.cause)
}

// Unwrap is for errors.Is and errors.As.
func (e decodeError) Unwrap() []error { return []error{ErrInvalidValue, e.cause} }
