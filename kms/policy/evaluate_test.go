package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

const (
	home    = "111122223333"
	abroad  = "444455556666"
	aliceID = "arn:aws:iam::111122223333:user/alice"
	appID   = "arn:aws:iam::111122223333:role/service/app"
	eveID   = "arn:aws:iam::444455556666:user/eve"
	key     = "arn:aws:kms:eu-central-1:111122223333:key/6f0c5d1e-3a52-4a8e-9d5b-0c9f6f0a7b11"
	key2    = "arn:aws:kms:eu-central-1:111122223333:key/00000000-3a52-4a8e-9d5b-0c9f6f0a7b11"
)

var (
	root        = policy.Principal{Account: home, ARN: "arn:aws:iam::111122223333:root", Root: true}
	alice       = policy.Principal{Account: home, ARN: aliceID}
	app         = policy.Principal{Account: home, ARN: appID}
	foreignRoot = policy.Principal{Account: abroad, ARN: "arn:aws:iam::444455556666:root", Root: true}
	eve         = policy.Principal{Account: abroad, ARN: eveID}
	nobody      = policy.Principal{}
)

// st is a statement. who, action and resource are JSON values; who without braces or quotes is a principal's name.
func st(effect, who, action, resource string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":%s,"Resource":%s}`, effect, aws(who), quoted(action), quoted(resource))
}

func aws(who string) string {
	if who == "*" {
		return `"*"`
	}
	return `{"AWS":` + quoted(who) + `}`
}

func quoted(s string) string {
	if strings.HasPrefix(s, "[") {
		return s
	}
	return `"` + s + `"`
}

func doc(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func allow(who, action string) string { return st("Allow", who, action, "*") }
func deny(who, action string) string  { return st("Deny", who, action, "*") }

const homeRoot = "arn:aws:iam::111122223333:root"

// The answers, in the words of the tables below.
const (
	yes       = "allowed"
	no        = "implicit deny"
	never     = "explicit deny"
	delegated = "delegated"
)

func answer(d policy.Decision) string {
	switch {
	case d.Allowed && !d.Delegated && !d.ExplicitDeny && d.Effect == policy.Allow && d.Statement > 0:
		return yes
	case d.Delegated && !d.Allowed && !d.ExplicitDeny && d.Effect == policy.Allow && d.Statement > 0:
		return delegated
	case d.ExplicitDeny && !d.Allowed && !d.Delegated && d.Effect == policy.Deny && d.Statement > 0:
		return never
	case !d.Allowed && !d.Delegated && !d.ExplicitDeny && d.Effect == 0 && d.Statement == 0:
		return no
	default:
		return fmt.Sprintf("contradiction %+v", d)
	}
}

func TestDecisionsAndTheirReasons(t *testing.T) {
	standard := policy.Default("aws", home)
	admins := `{"Statement":[` + strings.Join([]string{
		`{"Sid":"Admins","Effect":"Allow","Principal":{"AWS":"` + aliceID + `"},"Action":["kms:Create*","kms:Put*","kms:Describe*"],"Resource":"*"}`,
		`{"Sid":"Users","Effect":"Allow","Principal":{"AWS":["` + appID + `","` + eveID + `"]},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*"],"Resource":"*"}`,
		`{"Sid":"Line\nbreak","Effect":"Deny","Principal":"*","Action":"kms:ScheduleKeyDeletion","Resource":"*"}`,
	}, ",") + `]}`
	tests := []struct {
		name     string
		document string
		who      policy.Principal
		action   string
		resource string // "": key
		want     string
		reason   string
	}{
		// The default policy.
		{"default: root may use the key", standard, root, "kms:Encrypt", "", yes, `statement 1 ("Enable IAM User Permissions") allows account 111122223333 kms:Encrypt`},
		{"default: root may replace the policy", standard, root, "kms:PutKeyPolicy", "", yes, `statement 1 ("Enable IAM User Permissions") allows account 111122223333 kms:PutKeyPolicy`},
		{"default: a user needs an identity policy", standard, alice, "kms:Encrypt", "", delegated, `statement 1 ("Enable IAM User Permissions") leaves kms:Encrypt to the identity policies of account 111122223333`},
		{"default: so does a role", standard, app, "kms:Decrypt", "", delegated, `statement 1 ("Enable IAM User Permissions") leaves kms:Decrypt to the identity policies of account 111122223333`},
		{"default: root of another account may nothing", standard, foreignRoot, "kms:Encrypt", "", no, `no statement allows account 444455556666 kms:Encrypt`},
		{"default: a user of another account may nothing", standard, eve, "kms:Encrypt", "", no, `no statement allows ` + eveID + ` kms:Encrypt`},
		{"default: nobody may nothing", standard, nobody, "kms:Encrypt", "", no, `the request has no principal`},
		{"default: actions of other services are not covered", standard, root, "keyhold:BreakGlass", "", no, `no statement allows account 111122223333 keyhold:BreakGlass`},
		{"default: the action of the request ignores case", standard, root, "KMS:encrypt", "", yes, `statement 1 ("Enable IAM User Permissions") allows account 111122223333 KMS:encrypt`},
		{"default: an empty action is not kms", standard, root, "", "", no, `no statement allows account 111122223333 `},

		// Administrators and users, as the console writes them.
		{"an administrator may create grants", admins, alice, "kms:CreateGrant", "", yes, `statement 1 ("Admins") allows ` + aliceID + ` kms:CreateGrant`},
		{"an administrator may put policies", admins, alice, "kms:PutKeyPolicy", "", yes, `statement 1 ("Admins") allows ` + aliceID + ` kms:PutKeyPolicy`},
		{"an administrator may not encrypt", admins, alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"a user may encrypt", admins, app, "kms:Encrypt", "", yes, `statement 2 ("Users") allows ` + appID + ` kms:Encrypt`},
		{"a user may re-encrypt from", admins, app, "kms:ReEncryptFrom", "", yes, `statement 2 ("Users") allows ` + appID + ` kms:ReEncryptFrom`},
		{"a user may re-encrypt to", admins, app, "kms:ReEncryptTo", "", yes, `statement 2 ("Users") allows ` + appID + ` kms:ReEncryptTo`},
		{"a user may make key pairs", admins, app, "kms:GenerateDataKeyPairWithoutPlaintext", "", yes, `statement 2 ("Users") allows ` + appID + ` kms:GenerateDataKeyPairWithoutPlaintext`},
		{"a user may not administer", admins, app, "kms:PutKeyPolicy", "", no, `no statement allows ` + appID + ` kms:PutKeyPolicy`},
		{"a user from abroad needs its own account too", admins, eve, "kms:Encrypt", "", delegated, `statement 2 ("Users") allows ` + eveID + ` kms:Encrypt if an identity policy of account 444455556666 does`},
		{"root without a statement may nothing", admins, root, "kms:Encrypt", "", no, `no statement allows account 111122223333 kms:Encrypt`},
		{"a denial for everyone reaches root", admins, root, "kms:ScheduleKeyDeletion", "", never, `statement 3 ("Line\nbreak") denies account 111122223333 kms:ScheduleKeyDeletion`},
		{"a denial for everyone reaches administrators", admins, alice, "kms:ScheduleKeyDeletion", "", never, `statement 3 ("Line\nbreak") denies ` + aliceID + ` kms:ScheduleKeyDeletion`},

		// Who a principal is.
		{"the star is everyone: root", doc(allow("*", "kms:Encrypt")), root, "kms:Encrypt", "", yes, `statement 1 allows account 111122223333 kms:Encrypt`},
		{"the star is everyone: a user", doc(allow("*", "kms:Encrypt")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"the star is everyone: abroad, with its account's help", doc(allow("*", "kms:Encrypt")), eve, "kms:Encrypt", "", delegated, `statement 1 allows ` + eveID + ` kms:Encrypt if an identity policy of account 444455556666 does`},
		{"the star is everyone: a foreign root", doc(allow("*", "kms:Encrypt")), foreignRoot, "kms:Encrypt", "", yes, `statement 1 allows account 444455556666 kms:Encrypt`},
		{"the star is not nobody", doc(allow("*", "kms:Encrypt")), nobody, "kms:Encrypt", "", no, `the request has no principal`},
		{"an account that is no account is nobody", doc(allow("*", "kms:Encrypt")), policy.Principal{Account: "1111", ARN: aliceID}, "kms:Encrypt", "", no, `the request has no principal`},
		{"the star under AWS is everyone", doc(st("Allow", `["*"]`, "kms:Encrypt", "*")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a bare account is its root", doc(allow(home, "kms:Encrypt")), root, "kms:Encrypt", "", yes, `statement 1 allows account 111122223333 kms:Encrypt`},
		{"a bare account delegates", doc(allow(home, "kms:Encrypt")), alice, "kms:Encrypt", "", delegated, `statement 1 leaves kms:Encrypt to the identity policies of account 111122223333`},
		{"a root ARN delegates", doc(allow(homeRoot, "kms:Encrypt")), alice, "kms:Encrypt", "", delegated, `statement 1 leaves kms:Encrypt to the identity policies of account 111122223333`},
		{"a root ARN of another partition is the same account", doc(allow("arn:aws-cn:iam::111122223333:root", "kms:Encrypt")), root, "kms:Encrypt", "", yes, `statement 1 allows account 111122223333 kms:Encrypt`},
		{"a foreign account is its root", doc(allow(abroad, "kms:Encrypt")), foreignRoot, "kms:Encrypt", "", yes, `statement 1 allows account 444455556666 kms:Encrypt`},
		{"a foreign account delegates to itself", doc(allow(abroad, "kms:Encrypt")), eve, "kms:Encrypt", "", delegated, `statement 1 leaves kms:Encrypt to the identity policies of account 444455556666`},
		{"a foreign account is not ours", doc(allow(abroad, "kms:Encrypt")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"a user is that user", doc(allow(aliceID, "kms:Encrypt")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a user is no other", doc(allow(aliceID, "kms:Encrypt")), app, "kms:Encrypt", "", no, `no statement allows ` + appID + ` kms:Encrypt`},
		{"a user is not root", doc(allow(aliceID, "kms:Encrypt")), root, "kms:Encrypt", "", no, `no statement allows account 111122223333 kms:Encrypt`},
		{"names keep their case", doc(allow("arn:aws:iam::111122223333:user/Alice", "kms:Encrypt")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"paths count", doc(allow("arn:aws:iam::111122223333:role/app", "kms:Encrypt")), app, "kms:Encrypt", "", no, `no statement allows ` + appID + ` kms:Encrypt`},
		{"a role is not the user of its name", doc(allow("arn:aws:iam::111122223333:role/alice", "kms:Encrypt")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"the user of another partition is another", doc(allow("arn:aws-cn:iam::111122223333:user/alice", "kms:Encrypt")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"one of a list is enough", doc(allow(`["`+eveID+`","`+appID+`"]`, "kms:Encrypt")), app, "kms:Encrypt", "", yes, `statement 1 allows ` + appID + ` kms:Encrypt`},
		{"the user counts more than its account in one statement", doc(allow(`["`+home+`","`+aliceID+`"]`, "kms:Encrypt")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a request that names root's ARN but is not root gets what users get", doc(allow(homeRoot, "kms:Encrypt")), policy.Principal{Account: home, ARN: homeRoot}, "kms:Encrypt", "", delegated, `statement 1 leaves kms:Encrypt to the identity policies of account 111122223333`},
		{"a caller without ARN is not an empty one", doc(allow(aliceID, "kms:Encrypt")), policy.Principal{Account: home}, "kms:Encrypt", "", no, `no statement allows account 111122223333 kms:Encrypt`},

		// Which statement wins.
		{"a denial beats an allowance before it", doc(allow(aliceID, "kms:*"), deny(aliceID, "kms:Encrypt")), alice, "kms:Encrypt", "", never, `statement 2 denies ` + aliceID + ` kms:Encrypt`},
		{"a denial beats an allowance after it", doc(deny(aliceID, "kms:Encrypt"), allow(aliceID, "kms:*")), alice, "kms:Encrypt", "", never, `statement 1 denies ` + aliceID + ` kms:Encrypt`},
		{"a denial of another action leaves this one", doc(deny(aliceID, "kms:Decrypt"), allow(aliceID, "kms:*")), alice, "kms:Encrypt", "", yes, `statement 2 allows ` + aliceID + ` kms:Encrypt`},
		{"a denial of another principal leaves this one", doc(deny(appID, "kms:*"), allow(aliceID, "kms:*")), alice, "kms:Encrypt", "", yes, `statement 2 allows ` + aliceID + ` kms:Encrypt`},
		{"a denial of another key leaves this one", doc(st("Deny", "*", "kms:*", key2), allow(aliceID, "kms:*")), alice, "kms:Encrypt", "", yes, `statement 2 allows ` + aliceID + ` kms:Encrypt`},
		{"a denied account is denied with its users", doc(deny(home, "kms:Encrypt"), allow(aliceID, "kms:*")), alice, "kms:Encrypt", "", never, `statement 1 denies ` + aliceID + ` kms:Encrypt`},
		{"a denied account is denied with its root", doc(deny(homeRoot, "kms:Encrypt"), allow("*", "kms:*")), root, "kms:Encrypt", "", never, `statement 1 denies account 111122223333 kms:Encrypt`},
		{"a denied account is not another", doc(deny(abroad, "kms:Encrypt"), allow("*", "kms:*")), root, "kms:Encrypt", "", yes, `statement 2 allows account 111122223333 kms:Encrypt`},
		{"a denied root of one's account spares strangers", doc(deny(home, "kms:Encrypt"), allow("*", "kms:*")), foreignRoot, "kms:Encrypt", "", yes, `statement 2 allows account 444455556666 kms:Encrypt`},
		{"the first of two denials is named", doc(deny("*", "kms:E*"), deny("*", "kms:*")), alice, "kms:Encrypt", "", never, `statement 1 denies ` + aliceID + ` kms:Encrypt`},
		{"the first of two allowances is named", doc(allow("*", "kms:E*"), allow("*", "kms:*")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a direct allowance beats an earlier delegation", doc(allow(home, "kms:*"), allow(aliceID, "kms:Encrypt")), alice, "kms:Encrypt", "", yes, `statement 2 allows ` + aliceID + ` kms:Encrypt`},
		{"a later delegation does not undo an allowance", doc(allow(aliceID, "kms:Encrypt"), allow(home, "kms:*")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"the first of two delegations is named", doc(allow(home, "kms:*"), allow(homeRoot, "kms:*")), alice, "kms:Encrypt", "", delegated, `statement 1 leaves kms:Encrypt to the identity policies of account 111122223333`},
		{"a denial alone allows nothing else", doc(deny("*", "kms:Encrypt")), root, "kms:Decrypt", "", no, `no statement allows account 111122223333 kms:Decrypt`},
		{"a denial beats a delegation", doc(allow(home, "kms:*"), deny(aliceID, "kms:*")), alice, "kms:Encrypt", "", never, `statement 2 denies ` + aliceID + ` kms:Encrypt`},

		// Actions.
		{"an action is exact", doc(allow("*", "kms:Encrypt")), alice, "kms:Encryption", "", no, `no statement allows ` + aliceID + ` kms:Encryption`},
		{"an action is whole", doc(allow("*", "kms:Encrypt")), alice, "kms:ReEncrypt", "", no, `no statement allows ` + aliceID + ` kms:ReEncrypt`},
		{"an action in a policy ignores case", doc(allow("*", "Kms:eNCRYPT")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a star alone is every action", doc(allow("*", "*")), alice, "keyhold:Any", "", yes, `statement 1 allows ` + aliceID + ` keyhold:Any`},
		{"a star at the end", doc(allow("*", "kms:Enc*")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a star may take nothing", doc(allow("*", "kms:Encrypt*")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a star at the beginning", doc(allow("*", "kms:*Key")), alice, "kms:DescribeKey", "", yes, `statement 1 allows ` + aliceID + ` kms:DescribeKey`},
		{"a star at the beginning reaches the end", doc(allow("*", "kms:*Key")), alice, "kms:DisableKeyRotation", "", no, `no statement allows ` + aliceID + ` kms:DisableKeyRotation`},
		{"a star in the middle", doc(allow("*", "kms:G*Key")), alice, "kms:GenerateDataKey", "", yes, `statement 1 allows ` + aliceID + ` kms:GenerateDataKey`},
		{"two stars", doc(allow("*", "kms:*DataKey*")), alice, "kms:GenerateDataKeyPair", "", yes, `statement 1 allows ` + aliceID + ` kms:GenerateDataKeyPair`},
		{"stars in a row are one", doc(allow("*", "kms:**crypt***")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a question mark is one character", doc(allow("*", "kms:??crypt")), alice, "kms:Decrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Decrypt`},
		{"a question mark is not none", doc(allow("*", "kms:Encrypt?")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"another service's action never matches", doc(allow("*", "s3:*")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"any of a list of actions", doc(allow("*", `["kms:Sign","kms:Decrypt","kms:Verify"]`)), alice, "kms:Decrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Decrypt`},
		{"none of a list of actions", doc(allow("*", `["kms:Sign","kms:Verify"]`)), alice, "kms:Decrypt", "", no, `no statement allows ` + aliceID + ` kms:Decrypt`},

		// Resources.
		{"the key itself", doc(st("Allow", "*", "kms:*", key)), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"another key never matches", doc(st("Allow", "*", "kms:*", key2)), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"every key of the account", doc(st("Allow", "*", "kms:*", "arn:aws:kms:*:111122223333:key/*")), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"every key of another region", doc(st("Allow", "*", "kms:*", "arn:aws:kms:us-east-1:111122223333:key/*")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"every alias is no key", doc(st("Allow", "*", "kms:*", "arn:aws:kms:*:111122223333:alias/*")), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"resources keep their case", doc(st("Allow", "*", "kms:*", strings.Replace(key, "6f0c", "6F0C", 1))), alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},
		{"one of a list of resources", doc(st("Allow", "*", "kms:*", `["`+key2+`","`+key+`"]`)), alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"a key that is not named by an ARN is nobody's", doc(allow("*", "kms:*")), alice, "kms:Encrypt", "6f0c5d1e", delegated, `statement 1 allows ` + aliceID + ` kms:Encrypt if an identity policy of account 111122223333 does`},
		{"the old version does not know variables", `{"Version":"2008-10-17","Statement":` + st("Allow", "*", "kms:*", "arn:aws:kms:*:*:key/${aws:username}") + `}`, alice, "kms:Encrypt", "", no, `no statement allows ` + aliceID + ` kms:Encrypt`},

		// Forms.
		{"one statement without a list", `{"Statement":` + allow("*", "kms:*") + `}`, alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"Statement before Version", `{"Statement":` + allow("*", "kms:*") + `,"Version":"2012-10-17","Id":"x"}`, alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"an empty Sid is not named", `{"Statement":{"Sid":"","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`, alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"escapes mean what they say", `{"St\u0061tement":{"Effect":"\u0041llow","Principal":"\u002a","Action":"kms:\u002A","Resource":"*"}}`, alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"white space is free", "\r\n\t{ \"Statement\" :\t[ " + allow("*", "kms:*") + " ] }\n \r\n", alice, "kms:Encrypt", "", yes, `statement 1 allows ` + aliceID + ` kms:Encrypt`},
		{"Latin-1 in a Sid", `{"Statement":{"Sid":"Schlüssel ÿ","Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}`, alice, "kms:Encrypt", "", yes, `statement 1 ("Schlüssel ÿ") allows ` + aliceID + ` kms:Encrypt`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Parse(tt.document)
			if err != nil {
				t.Fatal(err)
			}
			if tt.resource == "" {
				tt.resource = key
			}
			d := p.Evaluate(policy.Request{Principal: tt.who, Action: tt.action, Resource: tt.resource})
			if got := answer(d); got != tt.want {
				t.Errorf("answer is %s, want %s (%s)", got, tt.want, d.Reason)
			}
			if d.Reason != tt.reason {
				t.Errorf("reason is\n%s, want\n%s", d.Reason, tt.reason)
			}
		})
	}
}

func TestTheZeroPolicyAllowsNothing(t *testing.T) {
	var p policy.Policy
	if d := p.Evaluate(policy.Request{Principal: root, Action: "kms:Encrypt", Resource: key}); answer(d) != no {
		t.Errorf("decision %+v", d)
	}
}

func TestLockOutCheck(t *testing.T) {
	tests := []struct {
		name     string
		document string
		who      policy.Principal
		want     bool
	}{
		{"the default policy keeps root in", policy.Default("", home), root, true},
		{"the default policy keeps users in, by their identity policies", policy.Default("", home), alice, true},
		{"the default policy does not let strangers in", policy.Default("", home), eve, false},
		{"a stranger is not let in even by name", doc(allow(eveID, "kms:*")), eve, false},
		{"nor is a foreign root", doc(allow(abroad, "kms:*")), foreignRoot, false},
		{"a caller named alone is in", doc(allow(aliceID, "kms:PutKeyPolicy")), alice, true},
		{"a caller not named is out", doc(allow(aliceID, "kms:PutKeyPolicy")), root, false},
		{"use alone is not enough", doc(allow(aliceID, "kms:Encrypt")), alice, false},
		{"a denial locks out", doc(allow(aliceID, "kms:*"), deny("*", "kms:Put*")), alice, false},
		{"permission on another key is none", doc(st("Allow", "*", "kms:*", key2)), alice, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Parse(tt.document)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.AllowsUpdate(tt.who, key); got != tt.want {
				t.Errorf("AllowsUpdate is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestOnePolicyServesManyGoroutines(t *testing.T) {
	p, err := policy.Parse(policy.Default("aws", home))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				d := p.Evaluate(policy.Request{Principal: root, Action: "kms:Encrypt", Resource: key})
				if !d.Allowed {
					t.Error(d.Reason)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkEvaluate(b *testing.B) {
	p, err := policy.Parse(policy.Default("aws", home))
	if err != nil {
		b.Fatal(err)
	}
	r := policy.Request{Principal: root, Action: "kms:GenerateDataKey", Resource: key}
	b.ReportAllocs()
	for b.Loop() {
		if !p.Evaluate(r).Allowed {
			b.Fatal("denied")
		}
	}
}
