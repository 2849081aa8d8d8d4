package ops

import (
	"context"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

var listPrincipals = kms.Operation[*api.ListPrincipalsInput, *api.ListPrincipalsOutput]{
	Name:    "ListPrincipals",
	Service: kms.Keyhold,
	Effect:  kms.Read,
	Targets: func(*api.ListPrincipalsInput) []kms.Target {
		return []kms.Target{kms.NoKey("keyhold:ListPrincipals")}
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.ListPrincipalsInput) (*api.ListPrincipalsOutput, error) {
		page, err := readPage(listOfPrincipals.of(string(c.Caller().Account), text(in.Kind)), in.Marker, in.PageSize(), source[kms.PrincipalRow]{
			read: func(after string, limit int) ([]kms.PrincipalRow, error) {
				return principalsAfter(ctx, c, text(in.Kind), kms.PrincipalID(after), limit)
			},
			key: func(row kms.PrincipalRow) string { return string(row.ID) },
		})
		if err != nil {
			return nil, err
		}
		out := &api.ListPrincipalsOutput{Principals: []api.Principal{}, NextMarker: page.next, Truncated: page.next != ""}
		for _, row := range page.rows {
			entry, err := listedPrincipal(ctx, c, row)
			if err != nil {
				return nil, err
			}
			out.Principals = append(out.Principals, entry)
		}
		return out, nil
	},
}

// principalsAfter reads rows of a kind, or of both. The unique ids of a kind have a prefix in common, so that they are
// neighbours.
func principalsAfter(ctx context.Context, c *kms.Call, kind string, after kms.PrincipalID, limit int) ([]kms.PrincipalRow, error) {
	prefix := kms.PrincipalID("")
	if kind != "" {
		prefix = kms.PrincipalKind(kind).IDPrefix()
	}
	rows, err := c.Store().Principals(ctx, c.Caller().Account, max(after, prefix), limit)
	of := func(row kms.PrincipalRow) bool { return !strings.HasPrefix(string(row.ID), string(prefix)) }
	if end := slices.IndexFunc(rows, of); end >= 0 {
		rows = rows[:end]
	}
	return rows, err
}

// listedPrincipal is a principal as the list shows it: by nothing but its unique id if it was changed outside Keyhold.
func listedPrincipal(ctx context.Context, c *kms.Call, row kms.PrincipalRow) (api.Principal, error) {
	authentic, err := c.Authentic(ctx, &row)
	if !authentic {
		return api.Principal{PrincipalID: string(row.ID)}, err
	}
	return principalEntry(c.Realm(), row), nil
}
