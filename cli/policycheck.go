package cli

import (
	"slices"

	"github.com/keyhold/keyhold/kms/policy"
	"github.com/urfave/cli/v2"
)

// policyKinds are the kinds of documents as --kind spells them.
var policyKinds = []struct {
	name, usage string
	kind        policy.Kind
}{
	{"key", "of a key", policy.KeyPolicy},
	{"identity", "of a user or role", policy.IdentityPolicy},
	{"trust", "who may assume a role", policy.TrustPolicy},
}

func (p *program) policyCheck() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "tell what is wrong with a policy, and what is probably not meant", ArgsUsage: "FILE|-",
		Description: describe("Looks at a policy without a data directory, - being the standard input. An error would be refused, a warning would be\n"+
			"accepted. It exits with 1 when there are errors. With --account, it knows whose the policy is to be.",
			"keyhold policy check policy.json", "keyhold policy check trust.json --kind trust"),
		Flags:  []cli.Flag{&cli.StringFlag{Name: "kind", Usage: "what it is a policy of, `KIND` key, identity or trust", Value: "key"}},
		Action: p.command(1, 1, p.checkPolicy),
	}
}

// findingEntry is a finding of policy check as JSON.
type findingEntry struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Column   int    `json:"column"` // both count from 1, columns in characters
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Message  string `json:"message"`
}

func (p *program) checkPolicy(c *cli.Context) error {
	at := -1
	for i, k := range policyKinds {
		if k.name == c.String("kind") {
			at = i
		}
	}
	if at < 0 {
		return usagef(c, "--kind is %q: want key, identity or trust", c.String("kind"))
	}
	file := c.Args().First()
	document, err := p.readPolicy(c, file)
	if err != nil {
		return err
	}
	account, _ := actingAccount(c)
	found := policy.Lint(policyKinds[at].kind, document, policy.Facts{Account: string(account), Actions: ownActions()})
	if err := p.showFindings(c, file, found); err != nil {
		return err
	}
	if slices.ContainsFunc(found, func(f policy.Finding) bool { return f.Severity == policy.SeverityError }) {
		return errReported
	}
	return nil
}

func (p *program) showFindings(c *cli.Context, file string, found []policy.Finding) error {
	if len(found) == 0 && !wantsJSON(c) {
		p.sayf("%s: no errors and no warnings", printable(file))
	}
	list := []findingEntry{}
	for _, f := range found {
		list = append(list, findingEntry{file, f.Line, f.Column, f.Severity.String(), f.Code, f.Message})
	}
	return p.showOwn(c, list, func(t *table) {
		for _, f := range found {
			t.line(legible(findingLine(file, f)))
		}
	})
}
