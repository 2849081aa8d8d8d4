package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/policy"
)

func (b *bench) keyPolicy(key string) string {
	b.t.Helper()
	return must[*api.GetKeyPolicyOutput](b, "GetKeyPolicy", &api.GetKeyPolicyInput{KeyID: &key}).Policy
}

func TestAKeyPolicyComesBackToTheOctet(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	if got := b.keyPolicy(key); got != policy.Default("", account) {
		t.Errorf("the default policy is\n%s", got)
	}
	odd := strings.Replace(keyPolicy(everything, `{"Sid":"über","Effect":"Deny","Principal":{"AWS":["`+bob.ARN+`"]},"Action":"kms:Encrypt","Resource":"*"}`), `"Statement":`, "\t\"Statement\" : \n ", 1)
	b.putKeyPolicy(key, odd)
	b.reopen()
	if got := b.keyPolicy(key); got != odd {
		t.Errorf("got  %q\nwant %q", got, odd)
	}
	names := must[*api.ListKeyPoliciesOutput](b, "ListKeyPolicies", &api.ListKeyPoliciesInput{KeyID: &key, Limit: new(int32(1))})
	if got := mustEncode(t, names); got != `{"PolicyNames":["default"],"Truncated":false}` {
		t.Error(got)
	}
}

// AWS shows the unique id of a user or role that was deleted, so that nobody takes a new bearer of the name for it.
func TestAPolicyShowsTheUniqueIdsOfUsersThatWereDeleted(t *testing.T) {
	b := newBench(t)
	key, bob, role := b.newKey(), b.user("bob"), b.role("app", "")
	session := b.session(role, "blue")
	document := keyPolicy(everything, `{"Effect":"Allow","Principal":{"AWS":["`+bob.ARN+`", "`+role.Arn+`","`+session.ARN+`"]},"Action":"kms:Encrypt","Resource":"*"}`)
	b.putKeyPolicy(key, document)
	for _, name := range []string{bob.ARN, role.Arn} {
		must[any](b, "DeletePrincipal", &api.DeletePrincipalInput{Principal: &name})
	}
	again := b.user("bob")
	want := strings.NewReplacer(bob.ARN, bob.PrincipalID, role.Arn, role.PrincipalID, session.ARN, session.PrincipalID).Replace(document)
	if got := b.keyPolicy(key); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if b.may(t, again, key, "") {
		t.Error("the new bob may what the old one might")
	}
	_, err := try[any](b, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: &want})
	refused(t, err, "MalformedPolicyDocumentException") // it names nobody who is there
	b.putKeyPolicy(key, document[:strings.Index(document, `,{"Effect"`)]+"]}")
}

func TestANewKeyPolicyHoldsFromTheMomentThatItsAnswerComes(t *testing.T) {
	b := newBench(t)
	key, bob := b.newKey(), b.user("bob")
	lets := keyPolicy(everything, `{"Effect":"Allow","Principal":{"AWS":"`+bob.ARN+`"},"Action":"kms:Encrypt","Resource":"*"}`)
	for range 3 {
		b.putKeyPolicy(key, lets)
		if !b.may(t, bob, key, "") {
			t.Error("he may not, though the policy lets him")
		}
		b.putKeyPolicy(key, keyPolicy(everything))
		if b.may(t, bob, key, "") {
			t.Error("he may, though the policy does not let him any more")
		}
	}
}

func TestAPolicyThatLocksItsMakerOutIsRefusedUnlessItIsWanted(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	const lockout = "The new key policy will not allow you to update the key policy in the future."
	from := func(address string) string {
		return keyPolicy(`{"Effect":"Allow","Principal":{"AWS":"ROOT"},"Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:UserAgent":"` + address + `"}}}`)
	}
	for document, text := range map[string]string{
		keyPolicy(`{"Effect":"Allow","Principal":{"AWS":"ROOT"},"Action":"kms:Encrypt","Resource":"*"}`):                lockout,
		keyPolicy(everything, `{"Effect":"Deny","Principal":{"AWS":"ROOT"},"Action":"kms:Put*","Resource":"*"}`):        lockout,
		keyPolicy(`{"Effect":"Allow","Principal":{"AWS":"` + b.user("bob").ARN + `"},"Action":"kms:*","Resource":"*"}`): lockout,
		from("another"): lockout,
		from("test"):    "",
		keyPolicy(`{"Effect":"Allow","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*"}`): "",
	} {
		in := &api.PutKeyPolicyInput{KeyID: &key, Policy: &document}
		if text != "" {
			b.unchanged(t, func() {
				_, err := try[any](b, "PutKeyPolicy", in)
				refused(t, err, "MalformedPolicyDocumentException", text)
			})
			continue
		}
		must[any](b, "PutKeyPolicy", in)
	}
	_, err := try[any](b, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: new(`{"Version":"2012-10-17","Id":"` + strings.Repeat("x", policy.MaxBytes) + `"}`)})
	refused(t, err, "LimitExceededException")
}

func TestAKeyPolicyMayForbidToBypassTheSafetyCheck(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	b.putKeyPolicy(key, keyPolicy(everything, `{"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*","Condition":{"Bool":{"kms:BypassPolicyLockoutSafetyCheck":"true"}}}`))
	document := keyPolicy(everything)
	_, err := try[any](b, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: &document, BypassPolicyLockoutSafetyCheck: new(true)})
	refused(t, err, denied)
	must[any](b, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key, Policy: &document})
}

func TestTheGlassIsBrokenByTheRootAtTheServerOnly(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	key := b.newKey()
	locked := keyPolicy(`{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`, `{"Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`)
	b.putKeyPolicy(key, locked)
	in := &api.ResetKeyPolicyInput{KeyID: new(keyARN(key))}
	remote := b.root()
	remote.Local = false
	admin := b.user("admin", allow("*"))
	admin.Local = true
	for _, caller := range []kms.Caller{remote, admin, b.rootOf(otherAccount)} {
		b.unchanged(t, func() {
			_, err := tryAs[any](b, caller, "ResetKeyPolicy", in)
			refused(t, err, denied)
		})
	}
	_, err := try[any](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
	refused(t, err, denied)
	before := len(b.log.all())
	must[any](b, "ResetKeyPolicy", in)
	record := b.log.all()[before]
	notes, _ := record["additionalEventData"].(map[string]any)
	if notes["brokeGlass"] != true || len(fmt.Sprint(notes["replacedPolicySha256"])) != 64 || record["readOnly"] != false {
		t.Errorf("the record says %v", record)
	}
	if got := b.keyPolicy(key); got != policy.Default("", account) {
		t.Errorf("the policy is %s", got)
	}
	b.reopen()
	must[any](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &key})
}

// The keys that the server manages for services are used and looked at, and granted on; nothing about them is changed.
func TestAManagedKeyCannotBeChanged(t *testing.T) {
	b := newBench(t, forgery)
	for _, operation := range []string{"PutKeyPolicy", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "EnableKeyRotation", "DisableKeyRotation",
		"RotateKeyOnDemand", "UpdateKeyDescription", "TagResource", "UntagResource", "CreateAlias", "UpdateAlias", "DeleteAlias", "CancelKeyDeletion", "ResetKeyPolicy"} {
		s := b.newSubject(operation)
		b.forge(s.key, func(r *kms.KeyRow) { r.Manager = keyspec.ManagerAWS })
		b.unchanged(t, func() {
			_, err := try[any](b, operation, sample(t, operation, s))
			refused(t, err, unsupported, keyARN(s.key)+" is an AWS managed key, which cannot be changed.")
		})
	}
	s := b.newSubject("used")
	b.forge(s.key, func(r *kms.KeyRow) { r.Manager = keyspec.ManagerAWS })
	for _, operation := range []string{"Encrypt", "Decrypt", "GenerateDataKey", "ReEncrypt", "DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants",
		"ListResourceTags", "CreateGrant", "RevokeGrant"} {
		must[any](b, operation, sample(t, operation, s))
	}
}
