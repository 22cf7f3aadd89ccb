// Package securitycheck keeps SECURITY.md: what it names as proof is there.
package securitycheck
