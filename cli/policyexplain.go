package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

func (p *program) policyExplain() *cli.Command {
	return &cli.Command{
		Name: "explain", Usage: "tell whether somebody may do something, and why", ArgsUsage: noOperands,
		Description: describe("Decides as if the request were made now, and tells what decided, what is missing, and what of each statement did not\n"+
			"match. PRINCIPAL is user/NAME, role/NAME, an ARN, a unique id, or root; KEY a key id, key ARN, alias/NAME or alias ARN.\n"+
			"What is not said is supposed: TLS, no address, no encryption context. With --request, the question is a request of the\n"+
			"past, by its request id or event id, and the answer tells what was decided then and what would be decided now.",
			"keyhold policy explain --principal user/alice --action Decrypt --key alias/orders --context app=shop",
			"keyhold policy explain --request 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "principal", Usage: "who, a `PRINCIPAL`"},
			&cli.StringFlag{Name: "action", Usage: "what, an `ACTION` such as Encrypt, kms:Encrypt or keyhold:ListPrincipals"},
			&cli.StringFlag{Name: "key", Usage: "with which `KEY`"},
			&cli.StringFlag{Name: "resource", Usage: "instead of --key, the `ARN` of an alias, user or role"},
			&cli.StringFlag{Name: "request", Usage: "a request of the past, the `ID` that the client or the audit log tells"},
		}, circumstanceFlags()...),
		Action: p.command(0, 0, p.explain),
	}
}

// circumstanceFlags say what a simulated request has with it.
func circumstanceFlags() []cli.Flag {
	return []cli.Flag{
		contextFlag("context", contextUsage),
		&cli.StringSliceFlag{Name: "condition", Usage: "a condition key `KEY=VALUE` such as aws:SourceIp=192.0.2.7; may be repeated, also for several values"},
	}
}

// circumstances are what circumstanceFlags say.
func circumstances(c *cli.Context) (pairs api.EncryptionContext, entries []api.ContextEntry, err error) {
	if pairs, err = contextOf(c, "context"); err != nil {
		return nil, nil, err
	}
	entries, err = conditionsOf(c)
	return pairs, entries, err
}

func (p *program) explain(c *cli.Context) error {
	if c.IsSet("request") {
		for _, f := range c.Command.Flags {
			if name := f.Names()[0]; name != "request" && c.IsSet(name) {
				return usagef(c, "--request says it all: leave out --%s", name)
			}
		}
		return p.explainRequest(c)
	}
	in := &api.ExplainAccessInput{Principal: flagText(c, "principal"), KeyID: flagText(c, "key"), Resource: flagText(c, "resource")}
	switch {
	case c.String("principal") == "" || c.String("action") == "":
		return usagef(c, "name --principal and --action, or a --request")
	case in.KeyID != nil && in.Resource != nil:
		return usagef(c, "--key and --resource exclude each other")
	}
	in.Action = new(actionName(c.String("action")))
	var err error
	if in.EncryptionContext, in.ContextEntries, err = circumstances(c); err != nil {
		return err
	}
	return p.with(c, func(ctx context.Context, s *session) error {
		out, err := ask[api.ExplainAccessOutput](ctx, s, "ExplainAccess", in)
		if err != nil {
			return err
		}
		return p.show(c, out, func(t *table) { t.explanation(out) })
	})
}

// actionName adds the prefix of most actions, where there is none.
func actionName(action string) string {
	if strings.Contains(action, ":") {
		return action
	}
	return "kms:" + action
}

// conditionsOf reads --condition. A key may come several times, and has several values then.
func conditionsOf(c *cli.Context) ([]api.ContextEntry, error) {
	var list []api.ContextEntry
	at := map[string]int{}
	for _, word := range c.StringSlice("condition") {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, usagef(c, "--condition %q: want KEY=VALUE", word)
		}
		i, known := at[strings.ToLower(key)]
		if !known {
			i = len(list)
			at[strings.ToLower(key)] = i
			list = append(list, api.ContextEntry{ContextKeyName: &key})
		}
		list[i].ContextKeyValues = append(list[i].ContextKeyValues, value)
	}
	return list, nil
}

// explanation is the answer as people want it: the verdict, why, what is missing, and what was looked at.
func (t *table) explanation(a *api.ExplainAccessOutput) {
	verdict := "Denied"
	if a.Allowed {
		verdict = "Allowed"
	}
	t.fact(verdict, a.Action+" on "+a.Resource)
	t.fact("To", a.Principal)
	t.fact("By", decider(a.By))
	t.fact("Because", a.Reason)
	t.fact("Missing", a.Missing)
	t.fact("But it fails", a.KeyState)
	if len(a.Trace) == 0 {
		t.line("\nNo statement and no grant was looked at.")
		return
	}
	t.line("")
	t.row("LOOKED AT", "EFFECT", "APPLIES", "WHAT DID NOT MATCH")
	for _, s := range a.Trace {
		t.row(statementLabel(s), s.Effect, yesNo(s.Applies), unmatched(s))
	}
}

// decider is whose statement or grant decided.
func decider(by api.DecidedBy) string {
	switch by.Type {
	case "grant":
		return "grant " + by.GrantID
	case "nothing", "":
		return "nothing"
	}
	words := strings.ReplaceAll(by.Type, "-", " ")
	if by.Name != "" {
		words += " " + strconv.Quote(by.Name)
	}
	return words + statementName(by.Statement, by.Sid)
}

func statementName(number int32, sid string) string {
	text := ""
	if number > 0 {
		text = ", statement " + strconv.Itoa(int(number))
	}
	if sid != "" {
		text += " (" + sid + ")"
	}
	return text
}

func statementLabel(s api.StatementTrace) string { return s.Source + statementName(s.Statement, s.Sid) }

// unmatched names the parts of a statement that the request did not meet.
func unmatched(s api.StatementTrace) string {
	var parts []string
	for _, part := range []struct {
		name string
		met  bool
	}{{"principal", s.Principal}, {"action", s.Action}, {"resource", s.Resource}} {
		if !part.met {
			parts = append(parts, part.name)
		}
	}
	for _, k := range s.Conditions {
		if !k.Matched {
			parts = append(parts, k.Key+" ("+k.Operator+") wants "+strings.Join(k.Wanted, " or ")+", found "+foundText(k))
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case s.ForAccount && s.Applies:
		return "- (it leaves it to the account's identity policies)"
	}
	return "-"
}

func foundText(k api.ConditionTrace) string {
	switch {
	case k.Ambiguous:
		return "several that contradict each other"
	case !k.Present:
		return "none"
	}
	return or(strings.Join(k.Found, ", "), "an empty set")
}
