package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

// pageFlags choose the part of a list that is shown.
func pageFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "limit", Usage: "at most `N` entries a page"},
		&cli.StringFlag{Name: "marker", Usage: "the page after `MARKER`, which the page before told"},
		&cli.BoolFlag{Name: "all", Usage: "all pages"},
	}
}

// paged asks for one page, or with --all for every page from there on. next keeps what it got and returns the marker of
// the page after it, "" when there is none.
func paged(c *cli.Context, next func(limit *int32, marker *string) (string, error)) error {
	marker := flagText(c, "marker")
	for {
		after, err := next(flagNumber(c, "limit"), marker)
		if err != nil || after == "" || !c.Bool("all") {
			return err
		}
		marker = &after
	}
}

// sayMore tells how to see the rest of a list.
func (p *program) sayMore(c *cli.Context, marker string) {
	if marker != "" && !wantsJSON(c) {
		p.sayf("there are more: --all shows all of them, --marker %s the next page", marker)
	}
}

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
	all := &api.ListKeysOutput{Keys: []api.KeyListEntry{}}
	err := paged(c, func(limit *int32, marker *string) (string, error) {
		out, err := ask[api.ListKeysOutput](ctx, s, "ListKeys", &api.ListKeysInput{Limit: limit, Marker: marker})
		if err != nil {
			return "", err
		}
		all.Keys = append(all.Keys, out.Keys...)
		all.NextMarker, all.Truncated = out.NextMarker, out.Truncated
		return out.NextMarker, nil
	})
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
	for {
		out, err := ask[api.ListAliasesOutput](ctx, s, "ListAliases", in)
		if err != nil {
			return nil, err
		}
		for _, a := range out.Aliases {
			names[a.TargetKeyID] = append(names[a.TargetKeyID], a.AliasName)
		}
		if !out.Truncated {
			break
		}
		in.Marker = &out.NextMarker
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names, nil
}
