package driver

// As returns the first store in s's chain that implements T: s itself, or a
// store that it wraps. A store that wraps another names it with a method
//
//	Unwrap() Store
//
// and then need not repeat the optional interfaces of the inner store. What the
// outer store implements itself comes first, as with errors.As. The manager looks
// for [Lister], [Owners], [Sweeper] and [Sealer] this way, so a wrapper that has
// to see those calls implements them, and forwards them to what As finds.
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
