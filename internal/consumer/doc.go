// Package consumer has no code, only a test: that a program which uses this
// module downloads what its store needs and nothing else, and builds.
package consumer
