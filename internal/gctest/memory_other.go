//go:build !linux

package gctest

func inMemory() (done func()) { return func() {} }
