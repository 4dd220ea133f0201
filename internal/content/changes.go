package content

// Changes are what a request did to its session, in order.
type Changes []Change

// Append appends ch. A value that is set again and again takes one place in the
// list.
func (list Changes) Append(ch Change) Changes {
	if n := len(list); n > 0 {
		last, ok := overwrites(list[n-1])
		if name, ok2 := overwrites(ch); ok && ok2 && name == last {
			list[n-1] = ch
			return list
		}
	}
	return append(list, ch)
}

// overwrites returns the name of the value that ch replaces, if it does so
// whatever the value was.
func overwrites(ch Change) (name string, ok bool) {
	switch ch := ch.(type) {
	case *Set:
		return ch.Name, true
	case *Delete:
		return ch.Name, true
	default:
		return "", false
	}
}

// holdsValue reports whether a Set in the list holds the value of the name
// itself, rather than its encoding.
func (list Changes) holdsValue(name string) bool {
	for _, ch := range list {
		if ch, ok := ch.(*Set); ok && ch.Name == name && ch.Raw == nil {
			return true
		}
	}
	return false
}

// Concern reports whether a change in the list sets, updates or deletes the value
// of the name.
func (list Changes) Concern(name string) bool {
	for _, ch := range list {
		switch ch := ch.(type) {
		case interface{ updates() string }:
			if ch.updates() == name {
				return true
			}
		default:
			if overwritten, ok := overwrites(ch); ok && overwritten == name {
				return true
			}
		}
	}
	return false
}

// AfterInvalidate returns what an Invalidate must keep of the changes before it:
// the pops, for Pops.
func (list Changes) AfterInvalidate() (kept Changes) {
	for _, ch := range list {
		switch ch := ch.(type) {
		case *Pop:
			kept = append(kept, earlierPop{ch})
		case earlierPop:
			kept = append(kept, ch)
		}
	}
	return kept
}

// Pops returns the pops that were made before the session was invalidated.
func (list Changes) Pops() (pops []*Pop) {
	for _, ch := range list {
		if ch, ok := ch.(earlierPop); ok {
			pops = append(pops, ch.pop)
		}
	}
	return pops
}
