package exportertest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/exportertest"
)

// TestNoDriver: a harness without a driver is told so, and passes nothing.
func TestNoDriver(t *testing.T) {
	if err := exportertest.Check(context.Background(), exportertest.Harness{}); err == nil || !strings.Contains(err.Error(), "Harness.Open is nil") {
		t.Error(err)
	}
}
