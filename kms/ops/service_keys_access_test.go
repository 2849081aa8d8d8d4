package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func describing(ref string) kms.Input { return &api.DescribeKeyInput{KeyID: &ref} }

func TestOnlyWhoMayUseAServiceKeyHasItMade(t *testing.T) {
	b := newBench(t, services("ebs", "s3", "sns"))
	nobody := b.user("nobody")
	looker := b.user("looker", allow("kms:DescribeKey"))
	named := b.user("named", allowOn(arnBase+"alias/aws/*", "kms:*"))
	barred := b.user("barred", allow("kms:*"), deny("kms:DescribeKey"))
	const why = " is not authorized to perform: kms:DescribeKey on resource: " + arnBase + "alias/aws/ebs "
	lacks, denied := why+"because no identity-based policy allows the kms:DescribeKey action", why+"with an explicit deny in an identity-based policy"
	b.unchanged(t, func() {
		for caller, text := range map[*kms.Caller]string{&nobody: lacks, &named: lacks, &barred: denied} {
			err := b.recorded(t, kms.Request{Operation: "DescribeKey", Caller: *caller, Input: describing("alias/aws/ebs")})
			refused(t, err, api.AccessDeniedException, "User: "+caller.ARN+text)
		}
		_, err := tryAs[any](b, looker, "Encrypt", &api.EncryptInput{KeyID: new("alias/aws/ebs"), Plaintext: []byte("x")})
		refused(t, err, api.AccessDeniedException)
		for _, r := range b.log.all() {
			if list, _ := r["resources"].([]any); r["errorCode"] == api.AccessDeniedException && len(list) > 0 {
				t.Errorf("the log speaks of a key that was not made: %v", list)
			}
		}
	})
	made := mustAs[*api.DescribeKeyOutput](b, looker, "DescribeKey", describing("alias/aws/ebs")).KeyMetadata
	if made.KeyManager != keyspec.ManagerAWS || made.AWSAccountID != account {
		t.Errorf("the key is %+v", made)
	}
	refused(t, second(tryAs[any](b, nobody, "DescribeKey", describing("alias/aws/ebs"))), api.AccessDeniedException)

	clerk := b.session(b.role("clerk-2", "", allow("kms:GenerateDataKey")), "monday")
	mustAs[any](b, clerk, "GenerateDataKey", &api.GenerateDataKeyInput{KeyID: new("alias/aws/s3"), NumberOfBytes: new(int32(32))})
}

// The identity policy of the first user may rest on what the key will be.
func TestAPolicyJudgesAServiceKeyBeforeItIsMade(t *testing.T) {
	b := newBench(t, services("ebs", "s3"))
	by := func(name, key, value string) kms.Caller {
		return b.user(name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:DescribeKey","Resource":"*","Condition":`+
			`{"ForAnyValue:StringEquals":{"`+key+`":"`+value+`"}}}]}`)
	}
	wrong := []kms.Caller{by("a", "kms:ResourceAliases", "alias/aws/s3"), by("b", "kms:RequestAlias", "alias/aws/s3"),
		by("c", "kms:KeyOrigin", "EXTERNAL"), by("d", "aws:ResourceAccount", otherAccount), by("e", "aws:ResourceTag/team", "blue")}
	b.unchanged(t, func() {
		for _, caller := range wrong {
			refused(t, second(tryAs[any](b, caller, "DescribeKey", describing("alias/aws/ebs"))), api.AccessDeniedException)
		}
	})
	first := mustAs[*api.DescribeKeyOutput](b, by("f", "kms:ResourceAliases", "alias/aws/ebs"), "DescribeKey", describing("alias/aws/ebs"))
	again := mustAs[*api.DescribeKeyOutput](b, by("g", "kms:RequestAlias", "alias/aws/ebs"), "DescribeKey", describing("alias/aws/ebs"))
	if first.KeyMetadata.KeyID != again.KeyMetadata.KeyID {
		t.Errorf("the key was %s and is %s", first.KeyMetadata.KeyID, again.KeyMetadata.KeyID)
	}
}

func TestEveryAccountHasServiceKeysOfItsOwn(t *testing.T) {
	b := newBench(t, services("ebs"))
	other := b.rootOf(b.account(otherAccount))
	b.unchanged(t, func() {
		_, err := tryAs[any](b, other, "DescribeKey", describing(arnBase+"alias/aws/ebs"))
		refused(t, err, api.AccessDeniedException)
	})
	theirs := mustAs[*api.DescribeKeyOutput](b, other, "DescribeKey", describing("alias/aws/ebs")).KeyMetadata
	ours, err := b.describeKey("alias/aws/ebs")
	if err != nil || theirs.AWSAccountID != otherAccount || ours.AWSAccountID != account || ours.KeyID == theirs.KeyID {
		t.Errorf("theirs is %+v and ours %+v, error %v", theirs, ours, err)
	}
	made := b.log.named("CreateKey")
	if len(made) != 2 || made[0]["recipientAccountId"] != otherAccount || made[1]["recipientAccountId"] != account {
		t.Errorf("the log has %v", made)
	}
	refused(t, second(tryAs[any](b, other, "Encrypt", &api.EncryptInput{KeyID: new(arnBase + "alias/aws/ebs"), Plaintext: []byte("x")})), api.AccessDeniedException)
}

func TestNobodyMovesTheAliasOfAServiceKey(t *testing.T) {
	b := newBench(t, services("ebs"), forgery)
	key := b.newKey()
	made, err := b.describeKey("alias/aws/ebs")
	if err != nil {
		t.Fatal(err)
	}
	admin := b.user("admin", allow("kms:*"))
	b.unchanged(t, func() {
		for _, caller := range []kms.Caller{b.root(), admin} {
			for operation, in := range map[string]kms.Input{
				"UpdateAlias": &api.UpdateAliasInput{AliasName: new("alias/aws/ebs"), TargetKeyID: &key},
				"DeleteAlias": &api.DeleteAliasInput{AliasName: new("alias/aws/ebs")},
			} {
				refused(t, second(tryAs[any](b, caller, operation, in)), api.AccessDeniedException)
			}
		}
	})
	if got := b.keyOf("alias/aws/ebs"); got != made.KeyID {
		t.Errorf("the alias names %s", got)
	}
}

func second[T any](_ T, err error) error { return err }
