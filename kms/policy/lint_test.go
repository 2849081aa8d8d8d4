package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

// pointsAt is a finding as its code and the text that its place is the beginning of.
func pointsAt(t *testing.T, document string, f policy.Finding) string {
	t.Helper()
	lines := strings.Split(document, "\n")
	if f.Line < 1 || f.Line > len(lines) || f.Column < 1 || f.Column > len([]rune(lines[f.Line-1]))+1 || f.Message == "" {
		t.Fatalf("finding %+v is nowhere", f)
	}
	rest := string([]rune(lines[f.Line-1])[f.Column-1:])
	if strings.HasPrefix(rest, `"`) {
		return f.Code + " " + rest[:strings.Index(rest[1:], `"`)+2]
	}
	return f.Code
}

func TestLint(t *testing.T) {
	facts := policy.Facts{
		Account: home, Actions: []string{"keyhold:BreakGlass"},
		Exists: func(name string) bool { return ids[name] != "" },
	}
	const account = `{"Sid":"Account","Effect":"Allow","Principal":{"AWS":"@home"},"Action":"kms:*","Resource":"*"}`
	use := func(members string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"@alice"},"Action":"kms:Encrypt","Resource":"*",` + members + `}`
	}
	about := func(resource string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"@alice"},"Action":"kms:Encrypt","Resource":"` + resource + `"}`
	}
	act := func(action string) string {
		return `{"Effect":"Allow","Principal":{"AWS":"@alice"},"Action":"` + action + `","Resource":"*"}`
	}
	may := func(members string) string { return `{"Effect":"Allow",` + members + `}` }
	tests := []struct {
		name      string
		kind      policy.Kind
		statement string // beside account, in a key policy; bare without it
		want      []string
	}{
		{"nothing to find", policy.KeyPolicy, act("kms:Encrypt"), nil},
		{"everybody", policy.KeyPolicy, `{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`, []string{`WildcardPrincipal "*"`}},
		{"everybody of an account", policy.KeyPolicy, `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"@home"}}}`, nil},
		{"everybody but of an account", policy.KeyPolicy, `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Encrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:CallerAccount":"@home"}}}`, []string{`WildcardPrincipal "*"`}},
		{"everybody of an account, if it exists", policy.KeyPolicy, `{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:Encrypt","Resource":"*","Condition":{"StringEqualsIfExists":{"kms:CallerAccount":"@home"}}}`, []string{`WildcardPrincipal "*"`}},
		{"everybody denied", policy.KeyPolicy, `{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}`, nil},
		{"a name that nobody has", policy.KeyPolicy, `{"Effect":"Allow","Principal":{"AWS":"@ghost"},"Action":"kms:Encrypt","Resource":"*"}`, []string{`UnknownPrincipal "@ghost"`}},
		{"everything for a user", policy.KeyPolicy, act("kms:*"), []string{`EveryAction "@alice"`}},
		{"a service", policy.KeyPolicy, `{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},"Action":"kms:Encrypt","Resource":"*"}`, []string{`StrangerPrincipal "logs.amazonaws.com"`}},
		{"Allow with NotPrincipal", policy.KeyPolicy, `{"Effect":"Allow","NotPrincipal":{"AWS":"@alice"},"Action":"kms:Encrypt","Resource":"*"}`, []string{`AllowWithNotPrincipal "NotPrincipal"`}},
		{"Deny with NotPrincipal", policy.KeyPolicy, `{"Effect":"Deny","NotPrincipal":{"AWS":"@alice"},"Action":"kms:Encrypt","Resource":"*"}`, nil},
		{"Allow with NotAction", policy.KeyPolicy, `{"Effect":"Allow","Principal":{"AWS":"@alice"},"NotAction":"kms:Encrypt","Resource":"*"}`, []string{`AllowWithNotAction "NotAction"`}},

		{"an unknown action", policy.KeyPolicy, act("kms:Encode"), []string{`UnknownAction "kms:Encode"`}},
		{"the action that there is not", policy.KeyPolicy, act("kms:ReEncrypt"), []string{`UnknownAction "kms:ReEncrypt"`}},
		{"an action of another service", policy.KeyPolicy, act("s3:GetObject"), []string{`UnknownAction "s3:GetObject"`}},
		{"an action of the server's own", policy.KeyPolicy, act("Keyhold:breakglass"), nil},
		{"a pattern for nothing", policy.KeyPolicy, act("kms:Encode*"), []string{`ActionMatchesNothing "kms:Encode*"`}},
		{"an action of identity policies", policy.KeyPolicy, act("kms:ListKeys"), []string{`IneffectiveAction "kms:ListKeys"`}},
		{"a pattern for actions of identity policies", policy.KeyPolicy, act("kms:*CustomKeyStore*"), []string{`IneffectiveAction "kms:*CustomKeyStore*"`}},
		{"a pattern for some of them", policy.KeyPolicy, act("kms:List*"), nil},
		{"an action of identity policies where it belongs", policy.IdentityPolicy, may(`"Action":"kms:ListKeys","Resource":"*"`), nil},
		{"two Sids", policy.KeyPolicy, use(`"Sid":"Account"`), []string{`DuplicateSid "Sid"`}},

		{"another account's keys", policy.KeyPolicy, about("arn:aws:kms:*:@abroad:key/*"), []string{`ResourceMatchesNothing "arn:aws:kms:*:@abroad:key/*"`}},
		{"the account's keys", policy.KeyPolicy, about("arn:aws:kms:*:1111*:key/*"), nil},
		{"every kind of thing", policy.KeyPolicy, about("arn:aws:kms:*:*:*"), nil},
		{"an alias", policy.KeyPolicy, about("arn:aws:kms:*:*:alias/x"), []string{`ResourceMatchesNothing "arn:aws:kms:*:*:alias/x"`}},
		{"a bucket", policy.KeyPolicy, about("arn:aws:s3:::*"), []string{`ResourceMatchesNothing "arn:aws:s3:::*"`}},
		{"a bucket in an identity policy", policy.IdentityPolicy, may(`"Action":"kms:*","Resource":"arn:aws:s3:::*"`), []string{`ResourceMatchesNothing "arn:aws:s3:::*"`}},
		{"an alias in an identity policy", policy.IdentityPolicy, may(`"Action":"kms:CreateAlias","Resource":["arn:aws:kms:*:*:alias/x","arn:aws:kms:*:*:alias/${aws:username}"]`), nil},

		{"an unknown key", policy.KeyPolicy, use(`"Condition":{"StringEquals":{"kms:KeySpeck":"x"}}`), []string{`UnknownConditionKey "kms:KeySpeck"`}},
		{"an absent key", policy.KeyPolicy, use(`"Condition":{"StringEquals":{"kms:ViaService":"s3.eu-central-1.amazonaws.com"},"StringNotEquals":{"aws:SourceVpce":"x"}}`), []string{`AbsentConditionKey "kms:ViaService"`, `AbsentConditionKey "aws:SourceVpce"`}},
		{"an enclave", policy.KeyPolicy, use(`"Condition":{"StringEqualsIgnoreCase":{"kms:RecipientAttestation:PCR0":"00"}}`), []string{`AbsentConditionKey "kms:RecipientAttestation:PCR0"`}},
		{"ForAllValues on one value", policy.KeyPolicy, use(`"Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContext:App":"x"}}`), []string{`OverlyPermissiveCondition "kms:EncryptionContext:App"`}},
		{"ForAllValues on several", policy.KeyPolicy, use(`"Condition":{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["x","y"]}}`), nil},
		{"several values without a set operator", policy.KeyPolicy, use(`"Condition":{"StringEquals":{"aws:TagKeys":"x"},"Null":{"kms:GrantOperations":true}}`), []string{`MissingSetOperator "aws:TagKeys"`}},
		{"a star that is none", policy.KeyPolicy, use(`"Condition":{"StringEquals":{"kms:RequestAlias":["alias/a*","alias/${*}"]},"StringLike":{"kms:KeyOrigin":"*"}}`), []string{`LiteralWildcard "alias/a*"`}},

		{"a denial for everybody", policy.KeyPolicy, `{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"}`, []string{"LockOut"}},
		{"a denial for the account", policy.KeyPolicy, `{"Effect":"Deny","Principal":{"AWS":"@root"},"Action":"kms:Put*","Resource":"*"}`, []string{"LockOut"}},
		{"a denial for everybody about another key", policy.KeyPolicy, `{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"@key2"}`, nil},
		{"a denial for everybody but one", policy.KeyPolicy, `{"Effect":"Deny","NotPrincipal":{"AWS":"@alice"},"Action":"kms:Put*","Resource":"*"}`, nil},
		{"a denial for everybody under a condition", policy.KeyPolicy, `{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*","Condition":{"Bool":{"kms:BypassPolicyLockoutSafetyCheck":true}}}`, nil},

		{"a trust policy", policy.TrustPolicy, `{"Effect":"Allow","Principal":{"AWS":"@alice"},"Action":"sts:AssumeRole"}`, nil},
		{"a trust policy about something else", policy.TrustPolicy, `{"Effect":"Allow","Principal":{"AWS":"@alice"},"Action":["sts:AssumeRole","kms:Decrypt"]}`, []string{`IneffectiveAction "kms:Decrypt"`}},
		{"a refusal", policy.TrustPolicy, `{"Effect":"Allow","Principal":{"AWS":"alice"},"Action":"sts:AssumeRole"}`, []string{`Refused "alice"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			statements := tt.statement
			if tt.kind == policy.KeyPolicy {
				statements = account + ",\n  " + tt.statement
			}
			document := named("{\"Version\":\"2012-10-17\",\n  \"Statement\": [" + statements + "]}")
			var got []string
			for _, f := range policy.Lint(tt.kind, document, facts) {
				got = append(got, pointsAt(t, document, f))
				if (f.Severity == policy.SeverityError) != (f.Code == "Refused") {
					t.Errorf("%+v is of the wrong severity", f)
				}
			}
			for i := range tt.want {
				tt.want[i] = named(tt.want[i])
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("findings are %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLintOfAPolicyThatForgetsItsAccount(t *testing.T) {
	document := named(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":["@alice","@abroad"]},"Action":["kms:Encrypt","kms:PutKeyPolicy"],"Resource":"*"}]}`)
	got := policy.Lint(policy.KeyPolicy, document, policy.Facts{Account: home})
	if len(got) != 1 || got[0].Code != "NoAccountStatement" {
		t.Errorf("findings are %+v", got)
	}
	if got := policy.Lint(policy.KeyPolicy, document, policy.Facts{}); len(got) != 0 {
		t.Errorf("without knowing the account, findings are %+v", got)
	}
}

func TestLintKnowsTheKey(t *testing.T) {
	document := named(`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"@root"},"Action":"kms:*","Resource":["@key","@key2"]}]}`)
	got := policy.Lint(policy.KeyPolicy, document, policy.Facts{Account: home, Key: key})
	if len(got) != 1 || got[0].Code != "ResourceMatchesNothing" || !strings.Contains(got[0].Message, key2) {
		t.Errorf("findings are %+v", got)
	}
}

func TestWhatKeyholdItselfWritesHasNoFindings(t *testing.T) {
	for _, document := range []string{policy.Default("", home), policy.ServiceDefault("", home)} {
		for _, f := range policy.Lint(policy.KeyPolicy, document, policy.Facts{Account: home, Key: key}) {
			// Nobody changes the policy of a key that the server manages.
			if f.Code != "NoAccountStatement" {
				t.Error(fmt.Sprint(f), document)
			}
		}
	}
}

func TestNamesOfConstants(t *testing.T) {
	if policy.Allow.String() != "Allow" || policy.Deny.String() != "Deny" || policy.Effect(0).String() != "none" {
		t.Error("effects have other names")
	}
	if policy.ByRoot.String() != "ByRoot" || policy.Basis(99).String() != "Basis(99)" || policy.Basis(-1).String() != "Basis(-1)" {
		t.Error("bases have other names")
	}
	if policy.SeverityError.String() != "error" || policy.SeverityWarning.String() != "warning" {
		t.Error("severities have other names")
	}
}
