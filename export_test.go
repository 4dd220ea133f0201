package sessions

// HandedOn counts the records that are kept for the next who changes a session.
func HandedOn(m *Manager) (n int) {
	for i := range m.turns {
		if m.turns[i].last.Version != 0 {
			n++
		}
	}
	return n
}
