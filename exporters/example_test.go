package exporters_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters"
)

// A program opens runtimes through a registry of the drivers that it wants, its own among them. No error holds a
// password.
func ExampleRegistry() {
	notes := exporters.Driver{
		Scheme: "notes", URL: "notes://user@host/book",
		Open: func(_ context.Context, u *url.URL) (exporters.Runtime, error) {
			if u.Path != "/book" {
				return nil, fmt.Errorf("no book at %s", u)
			}
			return memstate.NewRuntime(nil), nil
		},
	}
	r := exporters.NewRegistry(notes)
	rt, err := r.Open(context.Background(), "notes://ada:hunter2@host/book")
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close()
	_, err = exporters.Replayable(rt)
	fmt.Println("can be written to:", err == nil)

	_, err = r.Open(context.Background(), "notes://ada:hunter2@host/other")
	fmt.Println(err)
	_, err = r.Open(context.Background(), "post://host/book")
	fmt.Println(errors.Is(err, exporters.ErrScheme))
	// Output:
	// can be written to: true
	// exporters: notes://ada:xxxxx@host/other: no book at notes://ada:xxxxx@host/other
	// true
}
