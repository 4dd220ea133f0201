package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
)

// Here is what tools need that work on stored records rather than on sessions:
// that copy a store, look into one, or repair it. A program's handlers do not.

// OpenStore opens the store that the options name, without a Manager on top. It
// validates the options and fails as New does. The caller closes the store.
//
// Nothing stands between the caller and the driver's contract (see package
// driver): no StoreTimeout bounds a call, nothing is merged, and a record that
// is written is only as good as its bytes. Records that are copied whole, with
// their keys and versions, stay the sessions that they are: clients' tokens
// open them in the other store, under the same secret, cookie name and
// namespace.
func OpenStore(ctx context.Context, opts Options) (driver.Store, error) {
	store, _, _, err := open(ctx, opts)
	return store, err
}

// Inspection is what a stored record holds, beside the fields of the record
// itself.
type Inspection struct {
	// Values are the session's values, in order of their names.
	Values []Encoded
	// Flashes are the messages that wait, each under the name of its queue, in
	// the order in which they were added.
	Flashes []Encoded
	// Expires is the cookie's expiry, if Session.SetExpires gave the session one
	// of its own; else nil.
	Expires *Expiry
	// Forward is the key of the record that a renewed session has now, if the
	// record is what the session left under its old id; else nil. There is nothing
	// else in such a record.
	Forward *driver.Key
	// IdleTimeout is the idle timeout, if Session.SetIdleTimeout gave the session one of
	// its own; else nil.
	IdleTimeout *time.Duration
	// Lifetime is the lifetime, if Session.SetLifetime gave the session one of its
	// own; else nil.
	Lifetime *time.Duration
}

// Encoded is a value as it is stored.
type Encoded struct {
	Name string
	CBOR []byte // RFC 8949; part of the record's Data, not a copy
}

// Inspect reads what the data of a record says, without decoding any value and
// so without the program's types. Bytes that no Manager can have written are
// ErrCorrupt, unless they are of a later format: ErrNewerFormat.
func Inspect(rec driver.Record) (Inspection, error) {
	if to, ok := content.ParseForward(rec.Data); ok {
		return Inspection{Forward: &to}, nil
	}
	c, err := content.Parse(rec.Data, rec.Owner)
	if err != nil {
		return Inspection{}, fmt.Errorf("sessions: inspect: %w", err)
	}
	in := Inspection{IdleTimeout: c.IdleTimeout, Lifetime: c.Lifetime}
	if c.Expires != nil {
		in.Expires = &Expiry{*c.Expires}
	}
	for _, v := range c.Items() {
		in.Values = append(in.Values, Encoded{v.Name, v.Raw})
	}
	for _, f := range c.Flashes {
		in.Flashes = append(in.Flashes, Encoded{f.Queue, f.Raw})
	}
	return in, nil
}
