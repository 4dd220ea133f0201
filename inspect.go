package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/content"
)

// This file is for tools that work on stored records, such as those that copy a
// store or show what is in it. Handlers do not need it.

// OpenStore opens the store that the options name, without a Manager. It
// validates the options and fails as New does. The caller must close the store.
//
// It is for tools that work on stored records, under the contract of package
// driver: StoreTimeout does not bound the calls, changes are not merged, and
// records are not checked before they are written. A record can be copied to
// another store with its key and version. The client's token then opens it
// there, if the secret, the cookie name and the namespace are the same.
func OpenStore(ctx context.Context, opts Options) (driver.Store, error) {
	store, _, _, err := open(ctx, opts)
	return store, err
}

// Inspection is the parsed Data of a record.
type Inspection struct {
	// Values are the session's values, sorted by name.
	Values []Encoded
	// Flashes are the waiting messages, in the order in which they were added,
	// each under the name of its queue.
	Flashes []Encoded
	// Expires is the cookie expiry that Session.SetExpires set, or nil.
	Expires *Expiry
	// Forward, if not nil, says that the record is a forward, which Renew or
	// Invalidate left under the old ID. It is the key of the new record. The
	// other fields are then empty.
	Forward *driver.Key
	// GuardNote is the note of Options.Guard, or nil. It is part of the record's Data,
	// not a copy.
	GuardNote []byte
	// IdleTimeout is the idle timeout that Session.SetIdleTimeout set, or nil.
	IdleTimeout *time.Duration
	// Lifetime is the lifetime that Session.SetLifetime set, or nil.
	Lifetime *time.Duration
}

// Encoded is a value in its stored form.
type Encoded struct {
	Name string
	CBOR []byte // RFC 8949; part of the record's Data, not a copy
}

// Inspect parses the Data of a record. It leaves the values encoded, so it does
// not need the program's types. It returns ErrNewerFormat for a newer format,
// and ErrCorrupt for other data that no Manager writes.
func Inspect(rec driver.Record) (Inspection, error) {
	if to, ok := content.ParseForward(rec.Data); ok {
		return Inspection{Forward: &to}, nil
	}
	c, err := content.Parse(rec.Data, rec.Owner)
	if err != nil {
		return Inspection{}, fmt.Errorf("sessions: inspect: %w", err)
	}
	in := Inspection{IdleTimeout: c.IdleTimeout, Lifetime: c.Lifetime, GuardNote: c.Note}
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
