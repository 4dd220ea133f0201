package sessions

// Handoffs returns the number of records that are kept for the next request that
// commits.
func Handoffs(m *Manager) int { return m.queues.Handoffs() }
