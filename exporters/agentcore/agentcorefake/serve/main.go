// Serve runs the fake of AgentCore on loopback, prints its address, and ends when its standard
// input does. With -facts it prints what it does and how each thing is known, guesses first.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

func main() {
	account := flag.String("account", "123456789012", "account `id`")
	region := flag.String("region", "eu-central-1", "`region`")
	latency := flag.Duration("latency", 0, "of every answer")
	rate := flag.Float64("rate", 0, "allowed requests a second, of each operation; 0: all")
	late := flag.Duration("late", 0, "records are listed so long after they were made")
	working := flag.Duration("working", 0, "policies and memories are being made for so long")
	facts := flag.Bool("facts", false, "print what the fake does, and how each thing is known")
	flag.Parse()
	if *facts {
		for _, guess := range []bool{true, false} {
			for _, f := range agentcorefake.Facts() {
				if (f.Source == agentcorefake.Guess) == guess {
					fmt.Printf("%-14s %s\n", f.Source, f.What)
				}
			}
		}
		return
	}
	f, err := agentcorefake.New(agentcorefake.Options{Account: *account, Region: *region, Latency: *latency, Rate: *rate, VisibleAfter: *late, Working: *working})
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: f, ReadHeaderTimeout: time.Minute}
	go func() { log.Fatal(srv.Serve(l)) }()
	fmt.Printf("http://%s\n", l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, b := range f.Broken() {
		fmt.Println("broken:", b)
	}
	for _, op := range f.Operations() {
		fmt.Println("called:", op)
	}
}
