// Package pgxtest tests the database store on a pool of pgx's. It is a module
// of its own, so that pgx stays out of the go.sum of those who do not use it.
package pgxtest
