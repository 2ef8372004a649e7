// Command encrypter makes keys and files that are encrypted by SOPS, for tests of what decrypts them. It reads one
// request as JSON from standard input and writes one answer to standard output.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"filippo.io/age"
	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	sopsage "github.com/getsops/sops/v3/age"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/kms"
	"github.com/getsops/sops/v3/pgp"
	"github.com/getsops/sops/v3/shamir"
	"github.com/getsops/sops/v3/stores/dotenv"
	"github.com/getsops/sops/v3/stores/ini"
	sopsjson "github.com/getsops/sops/v3/stores/json"
	"github.com/getsops/sops/v3/stores/yaml"
	"github.com/getsops/sops/v3/version"
)

// request asks for a key (`make` is age or pgp, the latter locked by a passphrase where one is given), or for a file to
// be encrypted. Keys are by groups: age recipients, private PGP keys, ARNs of AWS KMS (which is never asked).
type request struct {
	Make       string  `json:"make"`
	Passphrase string  `json:"passphrase"`
	Format     string  `json:"format"`
	Content    []byte  `json:"content"`
	Groups     []group `json:"groups"`
	Regex      string  `json:"regex"`
	MACOnly    bool    `json:"mac_only"`
	Threshold  int     `json:"threshold"`
}

type group struct {
	Age []string `json:"age"`
	PGP []string `json:"pgp"`
	KMS []string `json:"kms"`
}

type answer struct {
	Private string `json:"private,omitempty"`
	Public  string `json:"public,omitempty"`
	Content []byte `json:"content,omitempty"`
}

func main() {
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fail(err)
	}
	made, err := respond(&asked)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "encrypter:", err)
	os.Exit(1)
}

func respond(asked *request) (*answer, error) {
	switch asked.Make {
	case "age":
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		return &answer{Private: identity.String(), Public: identity.Recipient().String()}, nil
	case "pgp":
		return makePGP(asked.Passphrase)
	}
	return encrypt(asked)
}

func makePGP(passphrase string) (*answer, error) {
	entity, err := openpgp.NewEntity("tests", "", "tests@example.com", nil)
	if err != nil {
		return nil, err
	}
	public := fmt.Sprintf("%X", entity.PrimaryKey.Fingerprint)
	if passphrase != "" {
		if err := entity.EncryptPrivateKeys([]byte(passphrase), nil); err != nil {
			return nil, err
		}
	}
	var text bytes.Buffer
	writer, err := armor.Encode(&text, openpgp.PrivateKeyType, nil)
	if err != nil {
		return nil, err
	}
	if err := entity.SerializePrivateWithoutSigning(writer, nil); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return &answer{Private: text.String(), Public: public}, nil
}

func storeOf(format string) sops.Store {
	settings := config.NewStoresConfig()
	switch format {
	case "yaml":
		return yaml.NewStore(&settings.YAML)
	case "json":
		return sopsjson.NewStore(&settings.JSON)
	case "dotenv":
		return dotenv.NewStore(&settings.Dotenv)
	case "ini":
		return ini.NewStore(&settings.INI)
	}
	return sopsjson.NewBinaryStore(&settings.JSONBinary)
}

func encrypt(asked *request) (*answer, error) {
	store := storeOf(asked.Format)
	branches, err := store.LoadPlainFile(asked.Content)
	if err != nil {
		return nil, err
	}
	dataKey := make([]byte, 32)
	if _, err := rand.Read(dataKey); err != nil {
		return nil, err
	}
	parts := [][]byte{dataKey}
	if len(asked.Groups) > 1 {
		if parts, err = shamir.Split(dataKey, len(asked.Groups), asked.Threshold); err != nil {
			return nil, err
		}
	}
	tree := sops.Tree{Branches: branches, Metadata: sops.Metadata{
		Version: version.Version, LastModified: time.Now().UTC(), ShamirThreshold: asked.Threshold,
		EncryptedRegex: asked.Regex, MACOnlyEncrypted: asked.MACOnly,
	}}
	if asked.Regex == "" {
		tree.Metadata.UnencryptedSuffix = sops.DefaultUnencryptedSuffix
	}
	for index, one := range asked.Groups {
		sealed, err := seal(&one, parts[index])
		if err != nil {
			return nil, err
		}
		tree.Metadata.KeyGroups = append(tree.Metadata.KeyGroups, sealed)
	}
	cipher := aes.NewCipher()
	mac, err := tree.Encrypt(dataKey, cipher)
	if err != nil {
		return nil, err
	}
	sealed, err := cipher.Encrypt(mac, dataKey, tree.Metadata.LastModified.Format(time.RFC3339))
	if err != nil {
		return nil, err
	}
	tree.Metadata.MessageAuthenticationCode = sealed
	content, err := store.EmitEncryptedFile(tree)
	return &answer{Content: content}, err
}

func seal(one *group, part []byte) (sops.KeyGroup, error) {
	var made sops.KeyGroup
	for _, recipient := range one.Age {
		key, err := sopsage.MasterKeyFromRecipient(recipient)
		if err != nil {
			return nil, err
		}
		if err := key.Encrypt(part); err != nil {
			return nil, err
		}
		made = append(made, key)
	}
	for _, private := range one.PGP {
		key, err := sealPGP(private, part)
		if err != nil {
			return nil, err
		}
		made = append(made, key)
	}
	for _, arn := range one.KMS {
		key := kms.NewMasterKeyFromArn(arn, nil, "")
		key.SetEncryptedDataKey([]byte("c2VhbGVk"))
		made = append(made, key)
	}
	return made, nil
}

func sealPGP(private string, part []byte) (*pgp.MasterKey, error) {
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader([]byte(private)))
	if err != nil {
		return nil, err
	}
	if len(ring) == 0 {
		return nil, errors.New("there is no key")
	}
	var text bytes.Buffer
	writer, err := armor.Encode(&text, "PGP MESSAGE", nil)
	if err != nil {
		return nil, err
	}
	plain, err := openpgp.Encrypt(writer, ring[:1], nil, &openpgp.FileHints{IsBinary: true}, nil)
	if err != nil {
		return nil, err
	}
	if _, err := plain.Write(part); err != nil {
		return nil, err
	}
	if err := errors.Join(plain.Close(), writer.Close()); err != nil {
		return nil, err
	}
	key := pgp.NewMasterKeyFromFingerprint(fmt.Sprintf("%X", ring[0].PrimaryKey.Fingerprint))
	key.SetEncryptedDataKey(text.Bytes())
	return key, nil
}
