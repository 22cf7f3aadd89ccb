package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// pluginMain is a plugin of age, made with age's own framework: it keeps X25519 keys behind stanzas of
// its own. Without a state machine to run it makes a key, as plugins do.
func pluginMain() {
	p, err := plugin.New("xyz")
	if err != nil {
		panic(err)
	}
	p.RegisterFlags(flag.CommandLine)
	generate := flag.Bool("generate", false, "make a key")
	flag.Parse()
	if *generate {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			panic(err)
		}
		fmt.Printf("# public key: %s\n%s\n", plugin.EncodeRecipient("xyz", []byte(id.Recipient().String())), plugin.EncodeIdentity("xyz", []byte(id.String())))
		return
	}
	p.HandleRecipient(func(data []byte) (age.Recipient, error) {
		r, err := age.ParseX25519Recipient(string(data))
		return xyzRecipient{r}, err
	})
	p.HandleIdentity(func(data []byte) (age.Identity, error) {
		id, err := age.ParseX25519Identity(string(data))
		return xyzIdentity{id}, err
	})
	os.Exit(p.Main())
}

type xyzRecipient struct{ *age.X25519Recipient }

func (r xyzRecipient) Wrap(key []byte) ([]*age.Stanza, error) {
	stanzas, err := r.X25519Recipient.Wrap(key)
	for _, s := range stanzas {
		s.Type = "xyz"
	}
	return stanzas, err
}

type xyzIdentity struct{ *age.X25519Identity }

func (i xyzIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		if s.Type != "xyz" {
			continue
		}
		key, err := i.X25519Identity.Unwrap([]*age.Stanza{{Type: "X25519", Args: s.Args, Body: s.Body}})
		if !errors.Is(err, age.ErrIncorrectIdentity) {
			return key, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}
