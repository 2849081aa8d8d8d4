package kms

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// KeyID is the id of a KMS key: a lower-case UUID, 36 characters. Ids are canonical; another spelling names no key.
type KeyID string

// AccountID is the 12 digits of an account.
type AccountID string

// NewKeyID draws a version 4 UUID (RFC 9562) from r, usually crypto/rand.Reader.
func NewKeyID(r io.Reader) (KeyID, error) {
	var u [16]byte
	if _, err := io.ReadFull(r, u[:]); err != nil {
		return "", fmt.Errorf("draw a key id: %w", err)
	}
	return keyIDOf(uuid4(u)), nil
}

func uuid4(u [16]byte) [16]byte {
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

func keyIDOf(u [16]byte) KeyID {
	x := hex.EncodeToString(u[:])
	return KeyID(x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:])
}

// octets is the inverse of keyIDOf; false unless id is canonical.
func (id KeyID) octets() ([16]byte, bool) {
	var u [16]byte
	raw, err := hex.DecodeString(strings.ReplaceAll(string(id), "-", ""))
	if err != nil || len(raw) != len(u) {
		return u, false
	}
	copy(u[:], raw)
	return u, keyIDOf(u) == id
}

// Realm is where keys live: the constant parts of their ARNs.
type Realm struct {
	Partition string // "aws" when empty
	Region    string
}

// KeyARN is the ARN of a key.
func (r Realm) KeyARN(account AccountID, id KeyID) string {
	return r.arn(account) + "key/" + string(id)
}

// AliasARN is the ARN of an alias; name has the prefix "alias/".
func (r Realm) AliasARN(account AccountID, name string) string { return r.arn(account) + name }

func (r Realm) partition() string {
	if r.Partition == "" {
		return "aws"
	}
	return r.Partition
}

func (r Realm) arn(account AccountID) string {
	return "arn:" + r.partition() + ":kms:" + r.Region + ":" + string(account) + ":"
}

// RootARN is the ARN of an account's root principal.
func (r Realm) RootARN(account AccountID) string {
	return "arn:" + r.partition() + ":iam::" + string(account) + ":root"
}

const aliasPrefix = "alias/"

// keyRef is a key identifier of a request, parsed but not looked up. Exactly one of ID and Alias is set.
type keyRef struct {
	Account AccountID
	ID      KeyID  // as spelled by the caller
	Alias   string // with prefix
}

// isAliasRef tells an alias name or alias ARN without judging the rest of it.
func isAliasRef(s string) bool {
	if strings.HasPrefix(s, aliasPrefix) {
		return true
	}
	parts := strings.SplitN(s, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && strings.HasPrefix(parts[5], aliasPrefix)
}

// parseKeyRef reads a key id, key ARN, alias name or alias ARN; bare ids and names are of the caller's account. The
// errors are those that AWS KMS answers: an id of the wrong form, or an ARN of another region, is not found.
func (r Realm) parseKeyRef(s string, account AccountID) (keyRef, error) {
	if !strings.HasPrefix(s, "arn:") {
		return parseName(s, account)
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[2] != "kms" || !isAccount(parts[4]) {
		return keyRef{}, api.InvalidARN(s)
	}
	if parts[1] != r.partition() || parts[3] != r.Region {
		return keyRef{}, api.InvalidARNRegion(parts[3])
	}
	kind, id, _ := strings.Cut(parts[5], "/")
	switch {
	case kind == "key" && hasKeyIDForm(id): // not an alias: key/alias/x would slip past operations that take none
		return keyRef{Account: AccountID(parts[4]), ID: KeyID(id)}, nil
	case kind == "key":
		return keyRef{}, api.InvalidKeyIDInARN(id)
	case strings.HasPrefix(parts[5], aliasPrefix):
		return keyRef{Account: AccountID(parts[4]), Alias: parts[5]}, nil
	default:
		return keyRef{}, api.InvalidARN(s)
	}
}

// parseName reads what is no ARN.
func parseName(s string, account AccountID) (keyRef, error) {
	switch {
	case strings.HasPrefix(s, aliasPrefix):
		return keyRef{Account: account, Alias: s}, nil
	case !hasKeyIDForm(s):
		return keyRef{}, api.InvalidKeyID(s)
	}
	return keyRef{Account: account, ID: KeyID(s)}, nil
}

// hasKeyIDForm is AWS's format check, which ignores case: an upper-case UUID is well formed, and then not found.
func hasKeyIDForm(s string) bool {
	if hexDigits, ok := strings.CutPrefix(s, "mrk-"); ok {
		return len(hexDigits) == 32 && isHex(hexDigits)
	}
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHex(s[i:i+1]) {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return s != ""
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}
