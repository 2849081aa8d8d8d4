package ops

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// A marker is the key of the last entry of a page, after a digest of it and of the list, in base64url: opaque to
// clients, and refused by another list, for another account, key or filter, and when it was cut or altered. It is no
// secret and carries no authority: whoever makes one up only chooses where the list that is theirs to read goes on.
const (
	markerLabel  = "keyhold marker 2"
	markerDigest = 8 // octets
)

// list is what a list is of and whose it is, as its markers are bound to it.
type list string

// The lists.
const (
	listOfAccess            list = "who-can"
	listOfAccounts          list = "accounts"
	listOfAliases           list = "aliases"
	listOfGrants            list = "grants"
	listOfKeys              list = "keys"
	listOfPolicies          list = "policies"
	listOfPrincipalPolicies list = "principal-policies"
	listOfPrincipals        list = "principals"
	listOfRetirableGrants   list = "retirable-grants"
	listOfRotations         list = "rotations"
	listOfTags              list = "tags"
)

type page[T any] struct {
	rows []T
	next string // empty on the last page
}

// of is the list of one account, key, principal or filter. The parts have no NUL: they are ids or were validated.
func (l list) of(parts ...string) list { return l + list("\x00"+strings.Join(parts, "\x00")) }

// digest is what a marker of the list begins with.
func (l list) digest(key string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s%s", markerLabel, len(l), l, key))
	return sum[:markerDigest]
}

// source is where the entries of a list come from: a reader in ascending order of key, and the key of an entry.
type source[T any] struct {
	read func(after string, limit int) ([]T, error)
	key  func(T) string
}

// readPage reads one page of a list, and one entry more to see whether the list goes on.
func readPage[T any](l list, marker *string, size int, from source[T]) (page[T], error) {
	after, err := l.parseMarker(marker)
	if err != nil {
		return page[T]{}, err
	}
	rows, err := from.read(after, size+1)
	if err != nil || len(rows) <= size {
		return page[T]{rows: rows}, err
	}
	rows = rows[:size]
	return page[T]{rows: rows, next: l.newMarker(from.key(rows[size-1]))}, nil
}

func (l list) newMarker(key string) string {
	return base64.RawURLEncoding.EncodeToString(append(l.digest(key), key...))
}

func (l list) parseMarker(marker *string) (string, error) {
	if marker == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*marker)
	if err != nil || len(raw) <= markerDigest {
		return "", api.InvalidMarker()
	}
	after := string(raw[markerDigest:])
	if l.newMarker(after) != *marker {
		return "", api.InvalidMarker()
	}
	return after, nil
}

// inMemory is a list in memory that is in ascending order of key.
func inMemory[T any](rows []T, key func(T) string) source[T] {
	return source[T]{key: key, read: func(after string, limit int) ([]T, error) {
		from, _ := slices.BinarySearchFunc(rows, after, func(row T, after string) int {
			if key(row) <= after {
				return -1
			}
			return 1
		})
		return rows[from:min(len(rows), from+limit)], nil
	}}
}

// ordinal writes a number so that its text sorts as the number does.
func ordinal(n int64) string { return fmt.Sprintf("%019d", n) }
