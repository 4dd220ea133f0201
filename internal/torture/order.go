//go:build linux

package main

// An order is what a client asks of a server: what is to be done with its
// session, and how.
type order struct {
	Changes []change `json:",omitempty"` // none: the session is only read
	Life    life     `json:",omitempty"`
	Mark    string   `json:",omitempty"` // of the session that create or invalidate begins
	Owner   string   `json:",omitempty"` // for login
	Timeout int64    `json:",omitempty"` // of the session that create begins, in ms; 0: the default
	Manner  manner   `json:",omitempty"`
	Pause   int      `json:",omitempty"` // ms between loading and changing
	Save    bool     `json:",omitempty"` // Session.Save in the handler, so that the committed numbers can be told
	Blind   bool     `json:",omitempty"` // do not look at the session first
	Late    []change `json:",omitempty"` // after the header has left; for streaming
}

// life is what is done with the session as a whole.
type life string

const (
	stay         life = ""
	create       life = "create"
	login        life = "login" // SetOwner and Renew
	renew        life = "renew"
	invalidate   life = "invalidate" // Invalidate, and a new session in its place
	logout       life = "logout"
	logoutOthers life = "logout others" // DestroyOwned, but for this one
)

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
	Seq  int64 // the value's number; no two are the same
	Size int   `json:",omitempty"` // of the value, about
}

type kind string

const (
	count kind = "count" // Update: add one
	set   kind = "set"   // Set
	edit  kind = "edit"  // change in place what Get returned
	unset kind = "unset" // Delete
	pop   kind = "pop"   // Pop
	note  kind = "note"  // Flash.Add
	take  kind = "take"  // Flash.Take
)

// reply is what a server tells of the session: as it was when it was loaded,
// and what the changes gave.
type reply struct {
	Blind  bool            `json:",omitempty"` // nothing was looked at
	Mark   string          `json:",omitempty"` // "": there is no session
	Owner  string          `json:",omitempty"`
	Counts [counters]int   `json:",omitempty"`
	Cells  [cells]sighting `json:",omitempty"`
	Notes  []sighting      `json:",omitempty"`

	Saved  bool            `json:",omitempty"` // Session.Save succeeded; then
	Totals [counters]int   `json:",omitempty"` // the counters as they were committed
	Popped [cells]sighting `json:",omitempty"`
	Taken  []sighting      `json:",omitempty"`
	Others string          `json:",omitempty"` // why logging out others failed
}

// lateReply is the last line of a streaming answer.
type lateReply struct {
	Saved  bool
	Ended  bool // Save failed with ErrEnded
	Totals [counters]int
}

// sighting is one value as a server saw it. Seq 0: there is none.
type sighting struct {
	Mark string `json:",omitempty"`
	Seq  int64  `json:",omitempty"`
	Torn bool   `json:",omitempty"` // its parts do not belong together
}

// failure is what the error page tells.
type failure struct {
	Why reason
	Err string
}

type reason string

const (
	ended    reason = "ended"    // ErrEnded
	conflict reason = "conflict" // ErrConflict: another request popped the value
	noLoad   reason = "load"     // the session could not be loaded
	noSave   reason = "save"     // nor is it known what became of the save
)
