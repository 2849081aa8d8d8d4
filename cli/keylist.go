package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) keyList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list keys with their aliases", ArgsUsage: noOperands,
		Description: describe("Lists the account's keys in the order of their ids, 100 a page.", "keyhold key list --all --long"),
		Flags: append(pageFlags(), &cli.BoolFlag{Name: "long", Aliases: []string{"l"},
			Usage: "with state, creation date and description"}),
		Action: p.command(0, 0, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error { return p.listKeys(ctx, c, s) })
		}),
	}
}

func (p *program) listKeys(ctx context.Context, c *cli.Context, s *session) error {
	all, err := list[api.ListKeysOutput, api.KeyListEntry]{
		page: func(limit *int32, marker *string) (*api.ListKeysOutput, error) {
			return ask[api.ListKeysOutput](ctx, s, "ListKeys", &api.ListKeysInput{Limit: limit, Marker: marker})
		},
		part: func(page *api.ListKeysOutput) (*[]api.KeyListEntry, bool, string) {
			return &page.Keys, page.Truncated, page.NextMarker
		},
	}.read(c)
	if err != nil || wantsJSON(c) {
		return orShow(err, func() error { return p.show(c, all, nil) })
	}
	fill, err := keyTable(ctx, s, all.Keys, c.Bool("long"))
	if err != nil {
		return err
	}
	defer p.sayMore(c, all.NextMarker)
	return p.show(c, all, fill)
}

func orShow(err error, show func() error) error {
	if err != nil {
		return err
	}
	return show()
}

func keyTable(ctx context.Context, s *session, keys []api.KeyListEntry, long bool) (func(*table), error) {
	names, err := aliasesByKey(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	rows := [][]string{{"KEY ID", "ALIASES"}}
	if long {
		rows[0] = []string{"KEY ID", "STATE", "CREATED", "ALIASES", "DESCRIPTION"}
	}
	for _, k := range keys {
		aliases := strings.Join(names[k.KeyID], ", ")
		if !long {
			rows = append(rows, []string{k.KeyID, or(aliases, "-")})
			continue
		}
		out, err := ask[api.DescribeKeyOutput](ctx, s, "DescribeKey", &api.DescribeKeyInput{KeyID: &k.KeyID})
		if err != nil { // one bad key must not hide the others
			rows = append(rows, []string{k.KeyID, "?", "-", or(aliases, "-"), err.Error()})
			continue
		}
		m := out.KeyMetadata
		rows = append(rows, []string{k.KeyID, string(m.KeyState), instant(m.CreationDate), or(aliases, "-"), m.Description})
	}
	return func(t *table) {
		for _, row := range rows {
			t.row(row...)
		}
	}, nil
}

// aliasesByKey are the names of all keys, or of one.
func aliasesByKey(ctx context.Context, s *session, key *string) (map[string][]string, error) {
	names := map[string][]string{}
	in := &api.ListAliasesInput{KeyID: key, Limit: new(int32(100))}
	err := everyPage(nil, func(marker *string) (string, error) {
		in.Marker = marker
		out, err := ask[api.ListAliasesOutput](ctx, s, "ListAliases", in)
		if err != nil {
			return "", err
		}
		for _, a := range out.Aliases {
			names[a.TargetKeyID] = append(names[a.TargetKeyID], a.AliasName)
		}
		return further(out.Truncated, out.NextMarker)
	})
	if err != nil {
		return nil, err
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names, nil
}
