package ops

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// A marker is the key of the last entry of a page, after a version and the list's name, in base64url: opaque to
// clients, and of no use to another list. It is no secret and carries no authority: whoever makes one up only chooses
// where a list goes on.
const markerVersion = "1:"

// list is the name of a list, which its markers bear.
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

func (l list) prefix() string { return markerVersion + string(l) + ":" }

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
	return base64.RawURLEncoding.EncodeToString([]byte(l.prefix() + key))
}

func (l list) parseMarker(marker *string) (string, error) {
	if marker == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*marker)
	after, ok := strings.CutPrefix(string(raw), l.prefix())
	if err != nil || !ok || after == "" {
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
