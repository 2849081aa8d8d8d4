package ops

import (
	"context"
	"strings"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// The resource that policies judge is the retiring principal. It must be of the caller's account; the keys need not be.
var listRetirableGrants = kms.Operation[*api.ListRetirableGrantsInput, *api.ListRetirableGrantsOutput]{
	Name:   "ListRetirableGrants",
	Effect: kms.Read,
	Targets: func(in *api.ListRetirableGrantsInput) []kms.Target {
		return []kms.Target{kms.RetirableBy(in.RetiringPrincipal, "kms:ListRetirableGrants")}
	},
	Run: func(ctx context.Context, c *kms.Call, in *api.ListRetirableGrantsInput) (*api.ListRetirableGrantsOutput, error) {
		retiring, err := retiringPrincipal(ctx, c, *in.RetiringPrincipal)
		if err != nil {
			return nil, err
		}
		page, err := readPage(listOfRetirableGrants.of(retiring), in.Marker, in.PageSize(), source[kms.GrantRow]{
			read: func(after string, limit int) ([]kms.GrantRow, error) {
				grant, key, _ := strings.Cut(after, "/")
				return c.Store().RetirableGrants(ctx, retiring, kms.GrantID(grant), kms.KeyID(key), limit)
			},
			key: func(row kms.GrantRow) string { return string(row.ID) + "/" + string(row.KeyID) },
		})
		if err != nil {
			return nil, err
		}
		out := &api.ListRetirableGrantsOutput{NextMarker: page.next, Truncated: page.next != ""}
		out.Grants, err = grantEntries(ctx, c, page.rows)
		return out, err
	},
}

// retiringPrincipal is how the rows of grants have a principal of the caller's account. Who is of another account is as
// if it did not exist.
func retiringPrincipal(ctx context.Context, c *kms.Call, name string) (string, error) {
	id, err := c.ResolveGrantee(ctx, name)
	if err != nil {
		return "", err
	}
	own, err := c.IsOfCaller(ctx, id)
	if err == nil && !own {
		err = api.GrantPrincipal(name)
	}
	return id, err
}
