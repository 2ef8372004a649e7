//go:build sops

package main

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/getsops/sops/v3"
	"github.com/getsops/sops/v3/aes"
	"github.com/getsops/sops/v3/config"
	"github.com/getsops/sops/v3/keyservice"
	"github.com/getsops/sops/v3/logging"
	"github.com/getsops/sops/v3/stores/dotenv"
	"github.com/getsops/sops/v3/stores/ini"
	sopsjson "github.com/getsops/sops/v3/stores/json"
	sopsyaml "github.com/getsops/sops/v3/stores/yaml"
)

// SOPS' library links the clients of all clouds' key services: twice the program, and slower to start. So it is in a
// program of its own, which is run for what has keys alone.
const decrypts = true

func (f format) store() sops.Store {
	settings := config.NewStoresConfig()
	switch f {
	case formatDotenv:
		return dotenv.NewStore(&settings.Dotenv)
	case formatINI:
		return ini.NewStore(&settings.INI)
	case formatJSON:
		return sopsjson.NewStore(&settings.JSON)
	case formatYAML:
		return sopsyaml.NewStore(&settings.YAML)
	}
	return sopsjson.NewBinaryStore(&settings.JSONBinary)
}

func openDecryption(given *keyMaterial) (*decryption, error) {
	for _, logger := range logging.Loggers {
		logger.SetOutput(io.Discard)
	}
	keys, err := openKeyring(given)
	if err != nil {
		return nil, err
	}
	return &decryption{
		keys: keys, strict: given.Strict, disabledBy: given.DisabledBy, checked: map[string]struct{}{},
	}, nil
}

// noting is a cipher that remembers each text it has decrypted.
type noting struct {
	sops.Cipher
	clear *clearTexts
}

func (n noting) Decrypt(ciphertext string, key []byte, additional string) (any, error) {
	plain, err := n.Cipher.Decrypt(ciphertext, key, additional)
	if err != nil {
		return plain, err
	}
	if comment, isComment := plain.(sops.Comment); isComment {
		n.clear.add(comment.Value)
		return plain, nil
	}
	if text, err := sops.ToBytes(plain); err == nil {
		n.clear.add(string(text))
	}
	return plain, nil
}

// open decrypts content; errMAC comes beside the result where its integrity is not proven. `what` is for messages.
func (d *decryption) open(what string, content []byte, in, out format) (plain []byte, err error) {
	defer func() {
		if recover() != nil {
			plain, err = nil, problemf(codeKeys, "%s: the library for SOPS fails on it: encrypt it again", what)
		}
	}()
	if len(content) > maxEncryptedBytes {
		return nil, problemf("too-large", "%s has %d MiB: an encrypted file may have %d MiB at most",
			what, len(content)>>20, maxEncryptedBytes>>20)
	}
	tree, err := in.store().LoadEncryptedFile(content)
	if err != nil {
		return nil, loadProblem(what, in, err)
	}
	key, err := tree.Metadata.GetDataKeyWithKeyServices([]keyservice.KeyServiceClient{d.keys}, sops.DefaultDecryptionOrder)
	if err != nil {
		return nil, d.noKey(what, &tree.Metadata)
	}
	cipher := aes.NewCipher()
	mac, err := tree.Decrypt(key, noting{cipher, &d.clear})
	if err != nil {
		return nil, valueProblem(what, err)
	}
	store := out.store()
	if out == formatBinary && !hasData(tree.Branches) {
		store = in.store()
	}
	plain, err = store.EmitPlainFile(tree.Branches)
	if err != nil {
		return nil, problemf(codeKeys, "%s: it cannot be written as %s when it is decrypted", what, formatNames[out])
	}
	if plain == nil {
		plain = []byte{}
	}
	wanted, err := cipher.Decrypt(tree.Metadata.MessageAuthenticationCode, key, tree.Metadata.LastModified.Format(time.RFC3339))
	if err != nil || wanted != mac {
		return plain, errMAC
	}
	return plain, nil
}

func hasData(branches sops.TreeBranches) bool {
	if len(branches) != 1 {
		return false
	}
	for _, item := range branches[0] {
		if _, isText := item.Value.(string); isText && item.Key == "data" {
			return true
		}
	}
	return false
}

func loadProblem(what string, in format, err error) error {
	if errors.Is(err, sops.MetadataNotFound) {
		return problemf(codeKeys, "%s: it holds encrypted values and no `sops` metadata: commit the file as sops wrote it", what)
	}
	return problemf(codeKeys, "%s: it cannot be read as %s that was encrypted by SOPS: its `sops` metadata is damaged, or "+
		"it is written in another format than its name says", what, formatNames[in])
}

// valueProblem explains in our words what the library says by repeating the value.
func valueProblem(what string, err error) error {
	words := err.Error()
	if strings.Contains(words, "does not match sops' data format") || strings.Contains(words, "Expected encrypted value") {
		return problemf(codeKeys, "%s: it is encrypted only in part: a value that its metadata says is encrypted is not; "+
			"encrypt the file again after editing it (sops edit)", what)
	}
	if strings.Contains(words, "AES_GCM") {
		return problemf(codeKeys, "%s: a value fails its authentication: it, or the field it stands in, was changed after it "+
			"was encrypted, or it came from another file", what)
	}
	return problemf(codeKeys, "%s: a value in it cannot be decrypted", what)
}

// noKey says for whom a file is encrypted, and which keys are there.
func (d *decryption) noKey(what string, metadata *sops.Metadata) error {
	var wanted []string
	services := false
	for _, group := range metadata.KeyGroups {
		for _, key := range group {
			switch kind := key.TypeToIdentifier(); kind {
			case "age":
				wanted = append(wanted, key.ToString())
			case "pgp":
				wanted = append(wanted, "PGP "+strings.ToUpper(key.ToString()))
			default:
				services = true
				wanted = append(wanted, kind+" "+key.ToString())
			}
		}
	}
	text := what + ": it is encrypted for " + joined(wanted, "nobody")
	switch {
	case d.keys.from == "":
		text += "; no key is given: " + d.keys.remedy
	case len(d.keys.names) == 0:
		text += "; " + d.keys.from + " holds no key: add an age identity (a name that ends in " + ageExtension +
			") or a private PGP key (" + pgpExtension + ")"
	default:
		text += "; " + d.keys.from + " holds the keys of " + joined(d.keys.names, "nobody") +
			": add the private key of one of the former to it, or encrypt the file for one of the latter (sops updatekeys)"
	}
	if metadata.ShamirThreshold > 1 {
		text += "; keys of several groups are needed together"
	}
	if services {
		text += "; services that keep keys are not asked yet, only age identities and PGP keys are used"
	}
	return problemf(codeKeys, "%s", text)
}
