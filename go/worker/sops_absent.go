//go:build !sops

package main

const decrypts = false

// keyring stands for the keys that this program cannot use.
type keyring struct {
	from    string
	ignored []string
}

func openDecryption(*keyMaterial) (*decryption, error) {
	return nil, problemf("protocol", "this program does not decrypt: the one that does is built with the tag sops")
}

func (d *decryption) open(what string, _ []byte, _, _ format) ([]byte, error) {
	return nil, problemf("protocol", "%s: this program does not decrypt", what)
}
