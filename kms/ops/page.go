package ops

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
)

// A marker is the key of the last entry of a page, with a version, in base64url: opaque to clients. It is no secret
// and carries no authority: whoever makes one up only chooses where a list goes on.
const markerVersion = "1:"

type page[T any] struct {
	rows []T
	next string // empty on the last page
}

// readPage reads one page of a list in ascending order of key, and one entry more to see whether the list goes on.
func readPage[T any](marker *string, size int, read func(after string, limit int) ([]T, error), key func(T) string) (page[T], error) {
	after, err := parseMarker(marker)
	if err != nil {
		return page[T]{}, err
	}
	rows, err := read(after, size+1)
	if err != nil || len(rows) <= size {
		return page[T]{rows: rows}, err
	}
	rows = rows[:size]
	return page[T]{rows: rows, next: newMarker(key(rows[size-1]))}, nil
}

func newMarker(key string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(markerVersion + key))
}

func parseMarker(marker *string) (string, error) {
	if marker == nil {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(*marker)
	after, ok := strings.CutPrefix(string(raw), markerVersion)
	if err != nil || !ok || after == "" {
		return "", api.InvalidMarker()
	}
	return after, nil
}

// pageOf reads from a list in memory that is in ascending order of key.
func pageOf[T any](rows []T, key func(T) string) func(after string, limit int) ([]T, error) {
	return func(after string, limit int) ([]T, error) {
		from, _ := slices.BinarySearchFunc(rows, after, func(row T, after string) int {
			if key(row) <= after {
				return -1
			}
			return 1
		})
		return rows[from:min(len(rows), from+limit)], nil
	}
}

// ordinal writes a number so that its text sorts as the number does.
func ordinal(n int64) string { return fmt.Sprintf("%019d", n) }
