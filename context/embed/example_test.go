package embed_test

import (
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/embed"
)

// Vectors of two models do not lie beside each other, though they are of the same length.
func ExampleUnmixed() {
	come := map[embed.Model]uint64{{Name: "small-1", Dimensions: 384}: 1200}
	held := map[embed.Model]uint64{{Name: "other-2", Dimensions: 384}: 3}
	fmt.Println(errors.Is(embed.Unmixed(come, held, ""), embed.ErrMixed))
	fmt.Println(embed.Unmixed(come, come, ""))
	// Output:
	// true
	// <nil>
}
