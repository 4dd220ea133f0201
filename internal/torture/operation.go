//go:build linux

package main

// An operation is the body of a request: what the handler does with the session,
// and how.
type operation struct {
	Changes []change `json:",omitempty"` // empty: only read the session
	Life    life     `json:",omitempty"`
	By      life     `json:",omitempty"` // how create begins the session: by sign-in, renew, invalidate, or just values
	Mark    string   `json:",omitempty"` // of the session that create, invalidate or a late request creates
	Begin   string   `json:",omitempty"` // for sign-in: the mark of the session that it begins if it is late
	Touch   touch    `json:",omitempty"` // for probe
	Owner   string   `json:",omitempty"` // for sign-in, destroyOwned and listOwned
	Timeout int64    `json:",omitempty"` // idle timeout of the created session in ms; 0: the default
	Manner  manner   `json:",omitempty"`
	Pause   int      `json:",omitempty"` // ms between load and change
	Save    bool     `json:",omitempty"` // call Session.Save in the handler and report the committed counters
	Blind   bool     `json:",omitempty"` // do not read the session first
	Devices bool     `json:",omitempty"` // list the owner's sessions
	Late    []change `json:",omitempty"` // after the header was sent; for streaming
	Rotate  bool     `json:"-"`          // send it to the manager with RenewAfter
}

// life is the operation's effect on the whole session.
type life string

const (
	stay          life = ""
	create        life = "create"
	signIn        life = "sign-in" // SetOwner and Renew
	renew         life = "renew"
	invalidate    life = "invalidate" // Invalidate, which also creates a new session
	signOut       life = "sign-out"
	signOutOthers life = "sign-out of others" // DestroyOwned, except for this one
	destroyOwned  life = "destroy owned"      // an operator's DestroyOwned, without a session
	listOwned     life = "list owned"         // an operator's Owned, without a session
	settings      life = "settings"           // SetIdleTimeout
	probe         life = "probe"              // with an ended ID: Touch the empty session
)

// touch is what a probe does with the session, which must be empty.
type touch string

const (
	look        touch = ""
	popNothing  touch = "pop"
	takeNothing touch = "take"
	deleteOne   touch = "delete"
	clearAll    touch = "clear"
	setIdle     touch = "idle timeout"
	unsetOwner  touch = "owner of nobody"
)

var touches = []touch{look, popNothing, takeNothing, deleteOne, clearAll, setIdle, unsetOwner}

// reads reports whether the touch changes nothing.
func (t touch) reads() bool { return t == look || t == popNothing || t == takeNothing }

// manner is how the handler behaves.
type manner string

const (
	plain     manner = ""
	streaming manner = "streaming"
	panicking manner = "panicking" // after its changes
	saving    manner = "saving, then panicking"
)

// change is one change of a value.
type change struct {
	Kind kind
	N    int   // which counter or cell
	Seq  int64 // the value's unique number
	Size int   `json:",omitempty"` // approximate, of the value
}

type kind string

const (
	count kind = "count" // Update: increment
	set   kind = "set"   // Set
	edit  kind = "edit"  // change the value that Get returned in place
	unset kind = "unset" // Delete
	pop   kind = "pop"   // Pop
	note  kind = "note"  // Flash.Add
	take  kind = "take"  // Flash.Take
)

// reply is the body of a response: the session as loaded, and the results of the
// changes.
type reply struct {
	Blind  bool            `json:",omitempty"` // the session was not read
	Mark   string          `json:",omitempty"` // "": there is no session
	Owner  string          `json:",omitempty"`
	Counts [counters]int   `json:",omitempty"`
	Cells  [cells]sighting `json:",omitempty"`
	Notes  []sighting      `json:",omitempty"`

	Saved  bool            `json:",omitempty"` // Session.Save succeeded; then Totals is set
	Totals [counters]int   `json:",omitempty"` // the committed counters
	Popped [cells]sighting `json:",omitempty"`
	Taken  []sighting      `json:",omitempty"`
	Others string          `json:",omitempty"` // the error of signing out others, or of listing

	Began   string   `json:",omitempty"` // the mark of the session that a late sign-in began
	Devices []listed `json:",omitempty"` // the owner's sessions
}

// lateReply is the last line of a streamed response.
type lateReply struct {
	Saved  bool
	Ended  bool // Save failed with ErrEnded
	Totals [counters]int
}

// sighting is a value that a server read. Seq 0: there is none.
type sighting struct {
	Mark string `json:",omitempty"`
	Seq  int64  `json:",omitempty"`
	Torn bool   `json:",omitempty"` // its parts are of different values
}

// failure is the body of the error page.
type failure struct {
	Why reason
	Err string
}

type reason string

const (
	ended    reason = "ended"    // ErrEnded
	conflict reason = "conflict" // ErrConflict: another request popped the value
	noLoad   reason = "load"     // the session could not be loaded
	noSave   reason = "save"     // the outcome of the save is unknown
)
