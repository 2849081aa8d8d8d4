package ops

import (
	"slices"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// mergeTags are the rows that give a key new tags, or its present ones new values; those keep their position.
func mergeTags(id kms.KeyID, present []kms.TagRow, tags []api.Tag) []kms.TagRow {
	var rows []kms.TagRow
	position := int64(0)
	for _, t := range present {
		position = max(position, t.Position)
	}
	for _, t := range tags {
		row := kms.TagRow{KeyID: id, Key: t.Key()}
		if i := slices.IndexFunc(present, func(p kms.TagRow) bool { return p.Key == t.Key() }); i >= 0 {
			row = present[i]
		} else {
			position++
			row.Position = position
		}
		row.Rev++
		row.Value = t.Value()
		rows = append(rows, row)
	}
	return rows
}

// countNew is how many of the tags a key does not have yet.
func countNew(present []kms.TagRow, tags []api.Tag) int {
	n := 0
	for _, t := range tags {
		if !slices.ContainsFunc(present, func(p kms.TagRow) bool { return p.Key == t.Key() }) {
			n++
		}
	}
	return n
}
