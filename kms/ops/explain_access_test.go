package ops_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// explain asks as the root of the key's account.
func (b *bench) explain(principal, action, key string, entries ...api.ContextEntry) api.ExplainAccessOutput {
	b.t.Helper()
	return *must[*api.ExplainAccessOutput](b, "ExplainAccess",
		&api.ExplainAccessInput{Principal: &principal, Action: &action, KeyID: &key, ContextEntries: entries})
}

// keyWith is a key with a policy of its own besides the default statement, or without that.
func (b *bench) keyWith(statements ...string) string {
	b.t.Helper()
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[%s]}`, strings.Join(statements, ","))
	return must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Policy: &policy, BypassPolicyLockoutSafetyCheck: new(true)}).KeyMetadata.KeyID
}

// letting is a statement of a key policy.
func letting(effect, sid, principal string, actions ...string) string {
	return fmt.Sprintf(`{"Sid":%q,"Effect":%q,"Principal":{"AWS":%q},"Action":%s,"Resource":"*"}`, sid, effect, principal, jsonList(actions))
}

func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// delegating leaves everything to an account.
func delegating(account string) string {
	return letting("Allow", "delegate", rootARN(account), "kms:*")
}

// grantTo makes a grant.
func (b *bench) grantTo(key, grantee string, operations ...string) string {
	b.t.Helper()
	in := &api.CreateGrantInput{KeyID: &key, GranteePrincipal: &grantee}
	for _, o := range operations {
		in.Operations = append(in.Operations, keyspec.GrantOperation(o))
	}
	return must[*api.CreateGrantOutput](b, "CreateGrant", in).GrantID
}

func TestAnExplanationSaysWhoseWordDecidesAndWhatIsMissing(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	b.user("reader", allow("kms:Encrypt"))
	admin, nobody, barred := b.user("admin"), b.user("nobody"), b.user("barred", allow("kms:*"), deny("kms:Encrypt"))
	clerk, holder, enemy := b.role("clerk", "", allow("kms:Encrypt")), b.user("holder"), b.user("enemy", allow("kms:*"))
	foreign, stranger := b.userOf(otherAccount, "foreign", allow("kms:Encrypt")), b.userOf(otherAccount, "stranger")
	key := b.keyWith(delegating(account), letting("Allow", "admins", admin.ARN, "kms:Encrypt"), letting("Deny", "enemies", enemy.ARN, "kms:*"),
		letting("Allow", "friends", rootARN(otherAccount), "kms:Encrypt"))
	grant := b.grantTo(key, holder.ARN, "Encrypt")
	for _, c := range []struct {
		title, principal string
		want             api.ExplainAccessOutput
		missing          string
	}{
		{"the root", "root", api.ExplainAccessOutput{Kind: "root", Allowed: true, Decision: "allowed-by-key-policy",
			By: api.DecidedBy{Type: "key-policy", Statement: 1, Sid: "delegate"}}, ""},
		{"a user of the key policy", admin.ARN, api.ExplainAccessOutput{Kind: "user", Allowed: true, Decision: "allowed-by-key-policy",
			By: api.DecidedBy{Type: "key-policy", Statement: 2, Sid: "admins"}}, ""},
		{"a user by its unique id", admin.PrincipalID, api.ExplainAccessOutput{Kind: "user", Allowed: true, Decision: "allowed-by-key-policy",
			By: api.DecidedBy{Type: "key-policy", Statement: 2, Sid: "admins"}}, ""},
		{"a user by its short name", "user/reader", api.ExplainAccessOutput{Kind: "user", Allowed: true, Decision: "allowed-by-identity-policy",
			By: api.DecidedBy{Type: "identity-policy", Name: "p1", Statement: 1}}, ""},
		{"a role", clerk.Arn, api.ExplainAccessOutput{Kind: "role", Allowed: true, Decision: "allowed-by-identity-policy",
			By: api.DecidedBy{Type: "identity-policy", Name: "p1", Statement: 1}}, ""},
		{"a session", "arn:aws:sts::" + account + ":assumed-role/clerk/monday", api.ExplainAccessOutput{Kind: "session", Allowed: true,
			Decision: "allowed-by-identity-policy", By: api.DecidedBy{Type: "identity-policy", Name: "p1", Statement: 1}}, ""},
		{"a grantee", holder.ARN, api.ExplainAccessOutput{Kind: "user", Allowed: true, Decision: "allowed-by-grant",
			By: api.DecidedBy{Type: "grant", GrantID: grant}}, ""},
		{"somebody else", nobody.ARN, api.ExplainAccessOutput{Kind: "user", Decision: "lacks-identity-policy", By: api.DecidedBy{Type: "nothing"}},
			"an identity policy of " + nobody.ARN + " that allows kms:Encrypt on " + keyARN(key)},
		{"one whom an identity policy bars", barred.ARN, api.ExplainAccessOutput{Kind: "user", Decision: "denied-by-identity-policy",
			By: api.DecidedBy{Type: "identity-policy", Name: "p2", Statement: 1}}, "nothing can be added: the statement that denies it must go, or must not apply"},
		{"one whom the key policy bars", enemy.ARN, api.ExplainAccessOutput{Kind: "user", Decision: "denied-by-key-policy",
			By: api.DecidedBy{Type: "key-policy", Statement: 3, Sid: "enemies"}}, "nothing can be added: the statement that denies it must go, or must not apply"},
		{"a user of another account", foreign.ARN, api.ExplainAccessOutput{Kind: "user", Allowed: true, Decision: "allowed-by-identity-policy",
			By: api.DecidedBy{Type: "identity-policy", Name: "p1", Statement: 1}}, ""},
		{"a user of another account without policies", stranger.ARN, api.ExplainAccessOutput{Kind: "user", Decision: "lacks-identity-policy",
			By: api.DecidedBy{Type: "nothing"}}, "an identity policy of " + stranger.ARN + " that allows kms:Encrypt on " + keyARN(key)},
	} {
		t.Run(c.title, func(t *testing.T) {
			got := b.explain(c.principal, "KMS:encrypt", key)
			if got.Allowed != c.want.Allowed || got.Decision != c.want.Decision || got.By != c.want.By || got.Kind != c.want.Kind ||
				got.Action != "kms:Encrypt" || got.Resource != keyARN(key) || got.Reason == "" || got.Missing != c.missing {
				t.Errorf("got  %+v\nwant %+v, missing %q", got, c.want, c.missing)
			}
			if applying := slices.ContainsFunc(got.Trace, func(s api.StatementTrace) bool { return s.Applies }); applying != (got.By.Type != "nothing" || c.want.Decision == "lacks-identity-policy") {
				t.Errorf("the trace is %+v", got.Trace)
			}
		})
	}
}

// Whoever is asked about is answered what it would be answered itself.
func TestAnExplanationIsWhatTheRequestItselfIsAnswered(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	callers := []kms.Caller{b.root(), b.rootOf(otherAccount), b.user("a", allow("kms:*")), b.user("b", allow("kms:Encrypt"), deny("kms:DescribeKey")), b.user("c"),
		b.session(b.role("d", "", allow("kms:Describe*")), "s1"), b.userOf(otherAccount, "e", allow("kms:*")), b.user("f")}
	keys := []string{b.newKey(), b.keyWith(letting("Allow", "a", callers[4].ARN, "kms:*")), b.keyWith(delegating(otherAccount)),
		b.keyWith(delegating(account), letting("Deny", "b", callers[2].ARN, "kms:Encrypt"), letting("Allow", "c", callers[5].ARN, "kms:Encrypt"))}
	b.grantTo(keys[0], callers[7].ARN, "Encrypt", "DescribeKey")
	both := map[bool]int{}
	for _, caller := range callers {
		for _, key := range keys {
			for action, in := range map[string]kms.Input{
				"kms:Encrypt":     &api.EncryptInput{KeyID: new(keyARN(key)), Plaintext: []byte("x")},
				"kms:DescribeKey": &api.DescribeKeyInput{KeyID: new(keyARN(key))},
				"kms:DisableKey":  &api.DisableKeyInput{KeyID: new(keyARN(key))},
			} {
				_, err := tryAs[any](b, caller, strings.TrimPrefix(action, "kms:"), in)
				principal := caller.ARN
				if got := explainHome(b, principal, action, key); got.Allowed != (err == nil) {
					t.Errorf("%s %s on %s: explained as %v (%s), and the request was answered %v", principal, action, key, got.Allowed, got.Reason, err)
				}
				both[err == nil]++
				if action == "kms:DisableKey" && err == nil {
					mustAs[any](b, caller, "EnableKey", &api.EnableKeyInput{KeyID: new(keyARN(key))})
				}
			}
		}
	}
	if both[true] < 10 || both[false] < 10 {
		t.Errorf("%d were allowed and %d denied: that proves little", both[true], both[false])
	}
}

// explainHome asks in a way that no key policy can be in the way of.
func explainHome(b *bench, principal, action, key string) api.ExplainAccessOutput {
	b.t.Helper()
	return b.explain(principal, action, key)
}

func TestAnExplanationKnowsWhoWouldNotEvenBeHeard(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	off, foreign := b.user("off", allow("kms:*")), b.userOf(otherAccount, "foreign", allow("kms:*"))
	key := b.newKey()
	must[any](b, "DisablePrincipal", &api.DisablePrincipalInput{Principal: &off.ARN})
	must[any](b, "DisableAccount", &api.DisableAccountInput{AccountID: new(otherAccount)})
	for principal, reason := range map[string]string{
		off.ARN:               off.ARN + " is disabled",
		foreign.ARN:           "account " + otherAccount + " is disabled",
		rootARN(otherAccount): "account " + otherAccount + " is disabled",
	} {
		got := b.explain(principal, "kms:Encrypt", key)
		if got.Allowed || got.Decision != "caller-not-recognized" || got.Reason != reason {
			t.Errorf("%s: %+v", principal, got)
		}
	}
}

func TestAnExplanationSpeaksOfTheKeysState(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	if got := b.explain("root", "kms:Encrypt", key); !got.Allowed || got.KeyState != "" {
		t.Errorf("of an enabled key: %+v", got)
	}
	must[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &key})
	if got := b.explain("root", "kms:Encrypt", key); !got.Allowed || got.KeyState != keyARN(key)+" is disabled." {
		t.Errorf("of a disabled key: %+v", got)
	}
	if got := b.explain("root", "kms:DescribeKey", key); !got.Allowed || got.KeyState != "" {
		t.Errorf("it may be looked at all the same: %+v", got)
	}
}

func entry(name string, values ...string) api.ContextEntry {
	return api.ContextEntry{ContextKeyName: &name, ContextKeyValues: values}
}

func TestAnExplanationTakesTheCircumstancesThatItIsTold(t *testing.T) {
	b := newBench(t)
	conditional := func(name, operator, key, value string) string {
		return b.user(name, fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*","Condition":{%q:{%q:%q}}}]}`,
			operator, key, value)).ARN
	}
	home, tag := conditional("a", "IpAddress", "aws:SourceIp", "192.0.2.0/24"), conditional("b", "StringEquals", "aws:PrincipalTag/team", "blue")
	context := conditional("c", "StringEquals", "kms:EncryptionContext:app", "shop")
	tls, soon := conditional("d", "Bool", "aws:SecureTransport", "true"), conditional("e", "DateLessThan", "aws:CurrentTime", "2026-01-03T00:00:00Z")
	key := b.newKey()
	for _, c := range []struct {
		principal string
		entries   []api.ContextEntry
		want      bool
	}{
		{home, nil, false},
		{home, []api.ContextEntry{entry("aws:SourceIp", "192.0.2.9")}, true},
		{home, []api.ContextEntry{entry("AWS:sourceip", "198.51.100.1")}, false},
		{tag, nil, false},
		{tag, []api.ContextEntry{entry("aws:PrincipalTag/team", "blue")}, true},
		{tag, []api.ContextEntry{entry("aws:principaltag/Team", "blue")}, true},
		{context, []api.ContextEntry{entry("kms:EncryptionContext:app", "shop")}, true},
		{tls, nil, true},
		{tls, []api.ContextEntry{entry("aws:SecureTransport")}, false},
		{soon, nil, true},
		{soon, []api.ContextEntry{entry("aws:CurrentTime", b.clock.Now().Add(48*time.Hour).Format(time.RFC3339))}, false},
	} {
		got := b.explain(c.principal, "kms:Encrypt", key, c.entries...)
		if got.Allowed != c.want {
			t.Errorf("%s with %v: %+v", c.principal, c.entries, got)
		}
	}
	got := b.explain(home, "kms:Encrypt", key, entry("aws:SourceIp", "198.51.100.1"))
	last := got.Trace[len(got.Trace)-1]
	if last.PolicyName != "p1" || !last.Action || !last.Resource || last.Applies || len(last.Conditions) != 1 || last.Conditions[0].Matched ||
		last.Conditions[0].Key != "aws:SourceIp" || !slices.Equal(last.Conditions[0].Found, []string{"198.51.100.1"}) {
		t.Errorf("the trace is %+v", got.Trace)
	}
	in := &api.ExplainAccessInput{Principal: &context, Action: new("kms:Encrypt"), KeyID: &key, EncryptionContext: map[string]string{"app": "shop"}}
	if got := must[*api.ExplainAccessOutput](b, "ExplainAccess", in); !got.Allowed {
		t.Errorf("with an encryption context: %+v", got)
	}
}

func TestAnExplanationOfWhatIsNoKey(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	maker, assumer := b.user("maker", allow("kms:CreateKey")), b.user("assumer", allow("sts:AssumeRole"))
	closed := b.role("closed", fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":"sts:AssumeRole"}]}`, maker.ARN))
	open := b.role("open", "")
	foreign := b.roleOf(otherAccount, "foreign", "")
	for _, c := range []struct {
		principal, action, resource, decision string
	}{
		{maker.ARN, "kms:CreateKey", "*", "allowed-by-identity-policy"},
		{maker.ARN, "kms:CreateKey", "", "allowed-by-identity-policy"},
		{assumer.ARN, "kms:CreateKey", "*", "lacks-identity-policy"},
		{"root", "kms:CreateKey", "*", "allowed-for-root"},
		{maker.ARN, "sts:AssumeRole", closed.Arn, "allowed-by-key-policy"},
		{assumer.ARN, "sts:AssumeRole", open.Arn, "allowed-by-identity-policy"},
		{maker.ARN, "sts:AssumeRole", open.Arn, "lacks-identity-policy"},
		{assumer.ARN, "sts:AssumeRole", foreign.Arn, "lacks-key-policy-or-grant"},
		{"root", "keyhold:DescribePrincipal", maker.ARN, "allowed-for-root"},
		{maker.ARN, "kms:CreateAlias", arnBase + "alias/app", "lacks-identity-policy"},
	} {
		in := &api.ExplainAccessInput{Principal: &c.principal, Action: &c.action, Resource: &c.resource}
		if c.resource == "" {
			in.Resource = nil
		}
		if got, err := try[*api.ExplainAccessOutput](b, "ExplainAccess", in); err != nil || got.Decision != c.decision {
			t.Errorf("%s %s on %s: %+v, %v, want %s", c.principal, c.action, c.resource, got, err, c.decision)
		}
	}
}

func TestAQuestionThatMakesNoSenseIsToldWhatToDo(t *testing.T) {
	b := newBench(t, services("ebs"))
	key, user := b.newKey(), b.user("a").ARN
	ask := func(principal, action string, key, resource *string, entries ...api.ContextEntry) *api.ExplainAccessInput {
		return &api.ExplainAccessInput{Principal: &principal, Action: &action, KeyID: key, Resource: resource, ContextEntries: entries}
	}
	b.unchanged(t, func() {
		for _, c := range []struct {
			in         *api.ExplainAccessInput
			name, text string
		}{
			{ask(user, "kms:Encript", &key, nil), validation, "No operation asks for the action 'kms:Encript': write one such as kms:Encrypt."},
			{ask(user, "kms:Encrypt", nil, nil), validation, "kms:Encrypt is asked of a key: name it in KeyId."},
			{ask(user, "kms:Encrypt", nil, new("*")), validation, "kms:Encrypt is asked of a key: name it in KeyId."},
			{ask(user, "kms:CreateKey", &key, nil), validation, "kms:CreateKey is not asked of a key: leave KeyId out, and name a Resource if it has one."},
			{ask(user, "kms:Encrypt", &key, new("*")), validation, "KeyId and Resource cannot both be given: the question is about one of them."},
			{ask(user, "kms:Encrypt", &key, nil, entry("aws:SourceIp", "a"), entry("aws:sourceip", "b")), validation,
				"ContextEntries has 'aws:sourceip' twice: give one entry with all values."},
			{ask(user, "kms:RetireGrant", &key, nil), validation,
				"Who may retire a grant is the grant's own matter: list the key's grants and see RetiringPrincipal and GranteePrincipal."},
			{ask("user/nobody", "kms:Encrypt", &key, nil), noSuchKey, "Principal 'user/nobody' does not exist"},
			{ask("AIDAAAAAAAAAAAAAAAAAA", "kms:Encrypt", &key, nil), noSuchKey, "Principal 'AIDAAAAAAAAAAAAAAAAAA' does not exist"},
			{ask(rootARN("999999999999"), "kms:Encrypt", &key, nil), noSuchKey, "Principal '" + rootARN("999999999999") + "' does not exist"},
			{ask("arn:aws:sts::"+account+":assumed-role/nobody/s1", "kms:Encrypt", &key, nil), noSuchKey,
				"Principal 'arn:aws:sts::" + account + ":assumed-role/nobody/s1' does not exist"},
			{ask(user, "kms:Encrypt", new("alias/aws/ebs"), nil), noSuchKey, noEBSKey},
			{ask(user, "Encrypt", &key, nil), validation,
				"1 validation error detected: Value 'Encrypt' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w]+:[\\w]+"},
		} {
			_, err := try[any](b, "ExplainAccess", c.in)
			refused(t, err, c.name, c.text)
		}
	})
}

func TestWhoMayAskForAnExplanation(t *testing.T) {
	b := newBench(t)
	other := b.rootOf(b.account(otherAccount))
	foreign := b.userOf(otherAccount, "foreign", allow("kms:*"))
	// The key's policy lets nobody do anything, and the root asks all the same.
	key := b.keyWith(letting("Allow", "x", foreign.ARN, "kms:Encrypt"))
	theirs := mustAs[*api.CreateKeyOutput](b, other, "CreateKey", &api.CreateKeyInput{}).KeyMetadata.Arn
	in := func(principal, key string) *api.ExplainAccessInput {
		return &api.ExplainAccessInput{Principal: &principal, Action: new("kms:Encrypt"), KeyID: &key}
	}
	asker, silent := b.user("asker", allow("keyhold:ExplainAccess")), b.user("silent", allow("kms:*"))
	mustAs[any](b, asker, "ExplainAccess", in("root", key))
	mustAs[any](b, b.root(), "ExplainAccess", in("root", key))
	refused(t, second(tryAs[any](b, silent, "ExplainAccess", in("root", key))), api.AccessDeniedException,
		"User: "+silent.ARN+" is not authorized to perform: keyhold:ExplainAccess on resource: "+keyARN(key)+" because no identity-based policy allows the keyhold:ExplainAccess action")
	for _, caller := range []kms.Caller{other, foreign} {
		unknown := second(tryAs[any](b, caller, "ExplainAccess", in("root", keyARN("00000000-0000-4000-8000-000000000000"))))
		hidden := second(tryAs[any](b, caller, "ExplainAccess", in("root", keyARN(key))))
		refused(t, hidden, api.AccessDeniedException, strings.Replace(wireOf(t, unknown).Message, "00000000-0000-4000-8000-000000000000", key, 1))
	}

	// What the identity policies of one's own account say is told; those of another's, that they decide for whom the key names.
	insider := b.user("insider", deny("kms:Encrypt"))
	mustAs[any](b, other, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &theirs, Policy: new(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[%s,%s]}`,
		delegating(otherAccount), letting("Allow", "insider", insider.ARN, "kms:*")))})
	got := mustAs[*api.ExplainAccessOutput](b, other, "ExplainAccess", in(insider.ARN, theirs))
	if got.Allowed || got.Decision != "denied-by-identity-policy" || got.By != (api.DecidedBy{Type: "identity-policy"}) ||
		strings.Contains(got.Reason, "p1") || slices.ContainsFunc(got.Trace, func(s api.StatementTrace) bool { return s.PolicyName != "" }) {
		t.Errorf("another account is told %+v", got)
	}
	own := mustAs[*api.ExplainAccessOutput](b, other, "ExplainAccess", in(foreign.ARN, theirs))
	if !own.Allowed || own.By != (api.DecidedBy{Type: "identity-policy", Name: "p1", Statement: 1}) {
		t.Errorf("its own account is told %+v", own)
	}
	refused(t, second(tryAs[any](b, other, "ExplainAccess", &api.ExplainAccessInput{Principal: &insider.ARN, Action: new("kms:CreateKey")})),
		noSuchKey, "Principal '"+insider.ARN+"' does not exist")
}

// wireOf is the error on the wire.
func wireOf(t testing.TB, err error) *api.Error {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of the API", err)
	}
	return e
}
