// Package consumer has only tests: programs that use our modules as users get them,
// from a module proxy. They download the dependencies of their store and no others,
// and keep the versions of what they have. The programs of docs' pages are among
// them: each page is carried out word for word. The tests need the network, or a module
// cache with all that the programs ask for.
package consumer
