//go:build sops

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/ProtonMail/go-crypto/openpgp"
	pgparmor "github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/getsops/sops/v3/keyservice"
	"google.golang.org/grpc"
)

const (
	ageExtension = ".agekey"
	pgpExtension = ".asc"
)

// cloudKeys are the names under which credentials for services stand that keep keys: none of these is asked, as this
// process has no network.
var cloudKeys = map[string]string{
	"sops.vault-token": "HashiCorp Vault",
	"sops.aws-kms":     "AWS KMS",
	"sops.azure-kv":    "Azure Key Vault",
	"sops.gcp-kms":     "GCP KMS",
}

// keyring opens the data keys of encrypted files. It implements sops' client of a key service.
type keyring struct {
	from    string
	remedy  string
	age     []age.Identity
	pgp     openpgp.EntityList
	names   []string
	ignored []string
}

// openKeyring reads private keys; what is wrong with one is told by its name, never by its content.
func openKeyring(given *keyMaterial) (*keyring, error) {
	ring := &keyring{from: given.From, remedy: given.Remedy}
	for _, name := range slices.Sorted(maps.Keys(given.Files)) {
		content := given.Files[name]
		switch {
		case path.Ext(name) == ageExtension:
			if err := ring.addAge(content); err != nil {
				return nil, problemf(codeKeys, "the key %q of %s holds no age identities: %v", name, given.From, err)
			}
		case path.Ext(name) == pgpExtension:
			if err := ring.addPGP(content); err != nil {
				return nil, problemf(codeKeys, "the key %q of %s holds no private PGP keys: %v", name, given.From, err)
			}
		case cloudKeys[name] != "":
			ring.ignored = append(ring.ignored, fmt.Sprintf("%q (%s)", name, cloudKeys[name]))
		}
	}
	if len(ring.ignored) > 0 && len(ring.names) == 0 {
		return nil, problemf(codeKeys, "%s holds %s: services that keep keys are not asked yet, only age identities (%s) "+
			"and PGP keys (%s) of the Secret are used", given.From, strings.Join(ring.ignored, " and "), ageExtension, pgpExtension)
	}
	return ring, nil
}

func (k *keyring) addAge(content []byte) error {
	found, err := age.ParseIdentities(bytes.NewReader(content))
	if err != nil {
		// The library repeats what it cannot read.
		return errors.New("each line must be one that begins with AGE-SECRET-KEY-, a comment, or empty")
	}
	for _, identity := range found {
		switch known := identity.(type) {
		case *age.X25519Identity:
			k.names = append(k.names, known.Recipient().String())
		case *age.HybridIdentity:
			k.names = append(k.names, known.Recipient().String())
		}
	}
	k.age = append(k.age, found...)
	return nil
}

func (k *keyring) addPGP(content []byte) error {
	found, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(content))
	if err != nil {
		return errors.New("it must be an ASCII-armored block, as gpg --export-secret-keys --armor writes it")
	}
	private := false
	for _, entity := range found {
		if entity.PrivateKey == nil {
			continue
		}
		private = true
		name := fingerprint(entity)
		if isLocked(entity) {
			return fmt.Errorf("%s is locked by a passphrase: export it without one", name)
		}
		k.names = append(k.names, "PGP "+name)
	}
	if !private {
		return errors.New("it is a public key: export the private one")
	}
	k.pgp = append(k.pgp, found...)
	return nil
}

// isLocked says whether a key wants a passphrase. The primary key may be left out of an export: subkeys decrypt.
func isLocked(entity *openpgp.Entity) bool {
	locked := entity.PrivateKey.Encrypted && !entity.PrivateKey.Dummy()
	for _, subkey := range entity.Subkeys {
		if key := subkey.PrivateKey; key != nil && key.Encrypted && !key.Dummy() {
			locked = true
		}
	}
	return locked
}

func fingerprint(entity *openpgp.Entity) string {
	return fmt.Sprintf("%X", entity.PrimaryKey.Fingerprint)
}

var errOtherKey = errors.New("no key of this kind")

// Decrypt implements keyservice.KeyServiceClient.
func (k *keyring) Decrypt(
	_ context.Context, request *keyservice.DecryptRequest, _ ...grpc.CallOption,
) (*keyservice.DecryptResponse, error) {
	var plain []byte
	err := errOtherKey
	switch request.Key.GetKeyType().(type) {
	case *keyservice.Key_AgeKey:
		plain, err = k.openAge(request.Ciphertext)
	case *keyservice.Key_PgpKey:
		plain, err = k.openPGP(request.Ciphertext)
	}
	if err != nil {
		return nil, err
	}
	return &keyservice.DecryptResponse{Plaintext: plain}, nil
}

// Encrypt implements keyservice.KeyServiceClient: nothing is ever encrypted.
func (k *keyring) Encrypt(
	context.Context, *keyservice.EncryptRequest, ...grpc.CallOption,
) (*keyservice.EncryptResponse, error) {
	return nil, errOtherKey
}

func (k *keyring) openAge(sealed []byte) ([]byte, error) {
	if len(k.age) == 0 {
		return nil, errOtherKey
	}
	opened, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed)), k.age...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(opened, maxFileBytes))
}

func (k *keyring) openPGP(sealed []byte) ([]byte, error) {
	if len(k.pgp) == 0 {
		return nil, errOtherKey
	}
	block, err := pgparmor.Decode(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	opened, err := openpgp.ReadMessage(block.Body, k.pgp, nil, nil)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(opened.UnverifiedBody, maxFileBytes))
}
