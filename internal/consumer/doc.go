// Package consumer has only tests: programs that use our modules as users get them,
// from a module proxy. They download the dependencies of their store and no others,
// and keep the versions of what they have. The tests need the network, or a module
// cache with all that the programs ask for.
package consumer
