// Package securitycheck keeps SECURITY.md and docs/faults.md: what they name as proof is there.
package securitycheck
