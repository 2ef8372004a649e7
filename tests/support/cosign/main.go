// Signs as cosign does, by the library that cosign is built on: reads a private key in PEM from the file that is named,
// and prints as JSON what cosign would push for an artifact's digest, in both of its forms.
package main

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file, reference, statement string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	key, err := cryptoutils.UnmarshalPEMToPrivateKey(raw, cryptoutils.SkipPassword)
	if err != nil {
		return err
	}
	signer, err := signature.LoadSigner(key, crypto.SHA256)
	if err != nil {
		return err
	}
	digest, err := name.NewDigest(reference)
	if err != nil {
		return err
	}
	simple, err := payload.Cosign{Image: digest}.MarshalJSON()
	if err != nil {
		return err
	}
	signed, err := signer.SignMessage(bytes.NewReader(simple))
	if err != nil {
		return err
	}
	wrapped := dsse.WrapSigner(signer, "application/vnd.in-toto+json")
	envelope, err := wrapped.SignMessage(bytes.NewReader([]byte(statement)))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"payload":   string(simple),
		"signature": base64.StdEncoding.EncodeToString(signed),
		"envelope":  string(envelope),
	})
}
