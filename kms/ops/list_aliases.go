package ops

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listAliases = kms.Operation[*api.ListAliasesInput, *api.ListAliasesOutput]{
	Name:   "ListAliases",
	Effect: kms.Read,
	Targets: func(in *api.ListAliasesInput) []kms.Target {
		if in.KeyID != nil {
			return []kms.Target{kms.ListFilter(in.KeyID, "kms:ListAliases")}
		}
		return []kms.Target{kms.NoKey("kms:ListAliases")}
	},
	Admit: kms.Admit[*api.ListAliasesInput]{States: []kms.StateRule{kms.StatesAny}},
	Run: func(ctx context.Context, c *kms.Call, in *api.ListAliasesInput) (*api.ListAliasesOutput, error) {
		var only kms.KeyID
		if in.KeyID != nil {
			only = c.Key(0).ID()
		}
		page, err := readPage(listOfAliases.of(string(c.Caller().Account), string(only)), in.Marker, in.PageSize(), source[kms.AliasRow]{
			read: func(after string, limit int) ([]kms.AliasRow, error) {
				return c.Store().Aliases(ctx, c.Caller().Account, only, after, limit)
			},
			key: func(row kms.AliasRow) string { return row.Name },
		})
		if err != nil {
			return nil, err
		}
		out := &api.ListAliasesOutput{Aliases: []api.AliasListEntry{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, row := range page.rows {
			entry, err := aliasEntry(ctx, c, row)
			if err != nil {
				return nil, err
			}
			out.Aliases = append(out.Aliases, entry)
		}
		return out, nil
	},
}

// aliasEntry is an alias as lists show it. One that was changed outside Keyhold names no key.
func aliasEntry(ctx context.Context, c *kms.Call, row kms.AliasRow) (api.AliasListEntry, error) {
	entry := api.AliasListEntry{AliasName: row.Name, AliasArn: c.Realm().AliasARN(row.Account, row.Name)}
	authentic, err := c.Authentic(ctx, &row)
	if authentic {
		entry.TargetKeyID = string(row.KeyID)
		entry.CreationDate, entry.LastUpdatedDate = api.Time(row.CreatedAt), api.Time(row.UpdatedAt)
	}
	return entry, err
}
