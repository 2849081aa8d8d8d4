package cli

import (
	"context"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) accountCommand() *cli.Command {
	return &cli.Command{
		Name: "account", Usage: "keep several tenants apart, each with keys and principals of its own",
		Subcommands: guided(accountSteps, p.accountCreate(), p.accountList(), p.accountEnable(), p.accountDisable(), p.accountDelete()),
	}
}

// accountSteps are the next steps after errors of the group.
var accountSteps = map[string]string{
	api.AlreadyExistsException: "choose another number, or leave it out to have one drawn; see which are in use with: keyhold account list",
	api.ConflictException: "see what is left with keyhold --account ID key list --long and principal list; keys are gone when their waiting " +
		"period has passed",
	api.NotFoundException:     "see which there are with: keyhold account list",
	api.AccessDeniedException: "accounts are administered from the directory's own account: leave out --account",
}

const accountExample = "444455556666"

func (p *program) accountCreate() *cli.Command {
	return &cli.Command{
		Name: "create", Usage: "make an account beside the directory's own", ArgsUsage: "[ID]",
		Description: describe("ID is 12 digits of your choice; without it they are drawn. With --account ID, every command then acts as the root\n"+
			"of that account.",
			"keyhold account create "+accountExample+" --name 'billing, production'",
			"keyhold --account "+accountExample+" key create --alias invoices"),
		Flags: []cli.Flag{&cli.StringFlag{Name: "name", Usage: "what people call it, as `TEXT`"}},
		Action: p.command(0, 1, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error {
				in := &api.CreateAccountInput{AccountID: operand(c, 0), Name: flagText(c, "name")}
				out, err := ask[api.CreateAccountOutput](ctx, s, "CreateAccount", in)
				if err != nil {
					return err
				}
				return p.show(c, out, func(t *table) { t.account(out.Account) })
			})
		}),
	}
}

func (t *table) account(a api.Account) {
	t.fact("Account ID", a.AccountID)
	t.fact("Name", accountName(a))
	t.fact("State", a.State)
	t.fact("Created", instant(a.CreateDate))
}

func accountName(a api.Account) string {
	if a.Own {
		return "(the directory's own)"
	}
	return a.Name
}

func (p *program) accountList() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the accounts", ArgsUsage: noOperands,
		Description: describe("Lists the directory's own account, then the others in the order of their ids, 50 a page.", "keyhold account list --all"),
		Flags:       pageFlags(),
		Action: p.command(0, 0, func(c *cli.Context) error {
			return p.with(c, func(ctx context.Context, s *session) error { return p.listAccounts(ctx, c, s) })
		}),
	}
}

func (p *program) listAccounts(ctx context.Context, c *cli.Context, s *session) error {
	return list[api.ListAccountsOutput, api.Account]{
		page: func(limit *int32, marker *string) (*api.ListAccountsOutput, error) {
			return ask[api.ListAccountsOutput](ctx, s, "ListAccounts", &api.ListAccountsInput{Limit: limit, Marker: marker})
		},
		part: func(page *api.ListAccountsOutput) (*[]api.Account, bool, string) {
			return &page.Accounts, page.Truncated, page.NextMarker
		},
		head: []string{"ACCOUNT ID", "STATE", "CREATED", "NAME"},
		row: func(a api.Account) []string {
			return []string{a.AccountID, stateOf(a.State), or(instant(a.CreateDate), "-"), or(accountName(a), "-")}
		},
	}.show(p, c)
}

// stateOf is the state of an account, principal or access key in a list, where one whose row was changed outside Keyhold
// has none.
func stateOf(state string) string { return or(state, "TAMPERED") }

func (p *program) accountEnable() *cli.Command {
	return p.change(change{
		name: "enable", usage: "let a disabled account in again", operands: "ID", least: 1, most: 1,
		description: describe("Principals and keys of the account work as before. Those that are disabled themselves stay so.",
			"keyhold account enable "+accountExample),
		operation: "EnableAccount", done: "enabled",
		input: func(c *cli.Context) (kms.Input, error) { return &api.EnableAccountInput{AccountID: operand(c, 0)}, nil },
	})
}

func (p *program) accountDisable() *cli.Command {
	return p.change(change{
		name: "disable", usage: "shut an account out until it is enabled again", operands: "ID", least: 1, most: 1,
		description: describe("Nobody of the account is let in, not even its root, and nobody at all can use its keys. Nothing is deleted.",
			"keyhold account disable "+accountExample),
		operation: "DisableAccount", done: "disabled: its principals are shut out and its keys are closed",
		input: func(c *cli.Context) (kms.Input, error) {
			return &api.DisableAccountInput{AccountID: operand(c, 0)}, nil
		},
	})
}

func (p *program) accountDelete() *cli.Command {
	return p.change(change{
		name: "delete", usage: "remove an account that has neither keys nor principals", operands: "ID", least: 1, most: 1,
		description: describe("Its number is not given again, and what policies and grants give to it is nobody's. Without --yes it only\n"+
			"shows what would happen.", "keyhold account delete "+accountExample+" --yes"),
		flags:     []cli.Flag{yesFlag("do it")},
		operation: "DeleteAccount", done: "deleted",
		input: func(c *cli.Context) (kms.Input, error) { return &api.DeleteAccountInput{AccountID: operand(c, 0)}, nil },
		harm:  p.previewAccountDeletion,
	})
}

func (p *program) previewAccountDeletion(ctx context.Context, c *cli.Context, s *session) error {
	id := c.Args().First()
	account, err := accountOf(ctx, s, id)
	switch {
	case err != nil:
		return err
	case account.Own:
		return api.OwnAccount(id)
	}
	return p.preview(c, "delete an account, if it has neither keys nor principals", func(t *table) { t.account(account) },
		"for good: its number is not given again, and what policies and grants give to it is nobody's")
}

// accountOf looks an account up in the list of all.
func accountOf(ctx context.Context, s *session, id string) (api.Account, error) {
	in := &api.ListAccountsInput{Limit: new(int32(100))}
	var found *api.Account
	err := everyPage(nil, func(marker *string) (string, error) {
		in.Marker = marker
		out, err := ask[api.ListAccountsOutput](ctx, s, "ListAccounts", in)
		if err != nil {
			return "", err
		}
		for i := range out.Accounts {
			if out.Accounts[i].AccountID == id {
				found = &out.Accounts[i]
				return "", nil
			}
		}
		return further(out.Truncated, out.NextMarker)
	})
	switch {
	case err != nil:
		return api.Account{}, err
	case found == nil:
		return api.Account{}, api.NotFoundAccount(id)
	}
	return *found, nil
}
