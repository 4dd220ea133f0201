package driver

// As returns the first store in s's chain that implements T. The chain consists
// of s and the stores returned by repeatedly calling
//
//	Unwrap() Store
//
// so a store that wraps another need not repeat the optional interfaces of the
// inner store. The manager finds [Lister], [Owners], [Sweeper] and [Sealer] with
// As. A wrapper that must intercept their calls implements them, and forwards the
// calls to the store that As returns for the inner one. The manager does not find
// [Renewer] with As, since a wrapper that intercepts Save must intercept it too.
func As[T any](s Store) (T, bool) {
	for s != nil {
		if t, ok := s.(T); ok {
			return t, true
		}
		w, ok := s.(interface{ Unwrap() Store })
		if !ok {
			break
		}
		s = w.Unwrap()
	}
	var none T
	return none, false
}
