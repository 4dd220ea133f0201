// Package consumer has only a test: a program that uses this module builds, and
// downloads only the dependencies of its store.
package consumer
