package recordjson

import (
	"os"
	"testing"

	"github.com/exitramp/exitramp/internal/gctest"
)

func TestMain(m *testing.M) { os.Exit(gctest.Main(m)) }
