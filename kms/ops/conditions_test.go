package ops_test

import (
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// Every condition key that mirrors a member of a request is asked once with the value that fits and once with another.
func TestConditionsOnMembersOfRequests(t *testing.T) {
	b := newBench(t)
	key, other := b.newKey(), b.newKey()
	blob := b.encrypt(key, "x", nil)
	tags := []api.Tag{api.NewTag("Team", "red"), api.NewTag("stage", "test")}
	symmetric := `"kms:EncryptionAlgorithm":"SYMMETRIC_DEFAULT"`
	rsa := `"kms:EncryptionAlgorithm":"RSAES_OAEP_SHA_256"`
	for i, c := range []struct {
		operation, action   string
		in                  kms.Input
		operator, fits, not string
	}{
		{"Encrypt", "", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}, "StringEquals", symmetric, rsa},
		{"Decrypt", "", &api.DecryptInput{CiphertextBlob: blob}, "StringEquals", symmetric, rsa},
		{"GenerateDataKey", "", &api.GenerateDataKeyInput{KeyID: &key, NumberOfBytes: new(int32(8))}, "StringEquals", symmetric, rsa},
		{"GenerateDataKeyWithoutPlaintext", "", &api.GenerateDataKeyWithoutPlaintextInput{KeyID: &key, NumberOfBytes: new(int32(8))}, "StringEquals", symmetric, rsa},
		{"ReEncrypt", "kms:ReEncrypt*", &api.ReEncryptInput{CiphertextBlob: blob, DestinationKeyID: &other}, "StringEquals", symmetric, rsa},
		{"EnableKeyRotation", "", &api.EnableKeyRotationInput{KeyID: &key}, "NumericEquals", `"kms:RotationPeriodInDays":"365"`, `"kms:RotationPeriodInDays":"364"`},
		{"ScheduleKeyDeletion", "", &api.ScheduleKeyDeletionInput{KeyID: &other, PendingWindowInDays: new(int32(7))}, "NumericLessThan",
			`"kms:ScheduleKeyDeletionPendingWindowInDays":"8"`, `"kms:ScheduleKeyDeletionPendingWindowInDays":"7"`},
		{"TagResource", "", &api.TagResourceInput{KeyID: &key, Tags: tags}, "StringEquals", `"aws:RequestTag/Team":"red"`, `"aws:RequestTag/Team":"blue"`},
		{"TagResource", "", &api.TagResourceInput{KeyID: &key, Tags: tags}, "StringEquals", `"aws:RequestTag/team":"red"`, `"aws:RequestTag/nobody":"red"`},
		{"TagResource", "", &api.TagResourceInput{KeyID: &key, Tags: tags}, "ForAllValues:StringEquals", `"aws:TagKeys":["Team","stage"]`, `"aws:TagKeys":["Team"]`},
		{"UntagResource", "", &api.UntagResourceInput{KeyID: &key, TagKeys: []string{"Team"}}, "ForAnyValue:StringEquals", `"aws:TagKeys":"Team"`, `"aws:TagKeys":"stage"`},
		{"CreateKey", "", &api.CreateKeyInput{}, "StringEquals", `"kms:KeySpec":"SYMMETRIC_DEFAULT","kms:KeyUsage":"ENCRYPT_DECRYPT","kms:KeyOrigin":"AWS_KMS"`, `"kms:KeySpec":"RSA_2048"`},
		{"CreateKey", "", &api.CreateKeyInput{}, "Bool", `"kms:MultiRegion":"false","kms:BypassPolicyLockoutSafetyCheck":"false"`, `"kms:MultiRegion":"true"`},
		{"CreateKey", "kms:*", &api.CreateKeyInput{Tags: tags}, "StringEquals", `"aws:RequestTag/stage":"test"`, `"aws:RequestTag/stage":"live"`},
	} {
		action := c.action
		if action == "" {
			action = "kms:" + c.operation
		}
		policy := func(condition string) string {
			return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*","Condition":{"` + c.operator + `":{` + condition + `}}}]}`
		}
		name := c.operation + string(rune('a'+i))
		_, err := tryAs[any](b, b.user("not-"+name, policy(c.not)), c.operation, c.in)
		refused(t, err, denied)
		if _, err := tryAs[any](b, b.user("may-"+name, policy(c.fits)), c.operation, c.in); err != nil {
			t.Errorf("%s with %s: %v", c.operation, c.fits, err)
		}
	}
}

// ReEncrypt has an algorithm on either side, and each side is asked about its own.
func TestReEncryptIsAskedAboutTheAlgorithmOfEachSide(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	side := func(action, algorithm string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionAlgorithm":"` + algorithm + `"}}}`
	}
	bob := b.user("bob", `{"Version":"2012-10-17","Statement":[`+side("kms:ReEncryptFrom", "SYMMETRIC_DEFAULT")+`,`+side("kms:ReEncryptTo", "RSAES_OAEP_SHA_1")+`]}`)
	in := &api.ReEncryptInput{CiphertextBlob: b.encrypt(key, "x", nil), DestinationKeyID: &key}
	_, err := tryAs[any](b, bob, "ReEncrypt", in)
	refused(t, err, denied, "User: "+bob.ARN+" is not authorized to perform: kms:ReEncryptTo on resource: "+keyARN(key)+" because no identity-based policy allows the kms:ReEncryptTo action")
	in.DestinationEncryptionAlgorithm = new(keyspec.EncryptionRSAOAEPSHA1)
	_, err = tryAs[any](b, bob, "ReEncrypt", in)
	refused(t, err, badUsage) // authorized, and then no algorithm of the key
}

// Which operations may be about a key of another account is a column of the AWS KMS API reference, typed by hand.
func TestOnlySomeOperationsReachAcrossAccounts(t *testing.T) {
	across := map[string]bool{"CreateGrant": true, "Decrypt": true, "DescribeKey": true, "Encrypt": true, "GenerateDataKey": true,
		"GenerateDataKeyWithoutPlaintext": true, "GetKeyRotationStatus": true, "ListGrants": true, "ReEncrypt": true, "RetireGrant": true, "RevokeGrant": true}
	b := newBench(t)
	abroad := b.rootOf(b.account(otherAccount))
	for name, row := range b.service.Operations() {
		d := row.Describe()
		if len(keyMembers(d.NewInput())) == 0 || d.Service != kms.KMS {
			continue
		}
		s := b.newSubject("across-" + name)
		for _, key := range []string{s.key, s.other} {
			b.putKeyPolicy(key, keyPolicy(everything, `{"Effect":"Allow","Principal":{"AWS":"`+otherAccount+`"},"Action":"kms:*","Resource":"*"}`))
		}
		s.grant = b.grant(s.key, account, "Encrypt", retiredBy(otherAccount)).GrantID
		s.key, s.other = keyARN(s.key), keyARN(s.other)
		_, err := tryAs[any](b, abroad, name, sample(t, name, s))
		if got, _ := errorOf(err); (got != denied && got != noSuchKey) != across[name] { // the alias of UpdateAlias is not found
			t.Errorf("%s of a key of another account: %v", name, err)
		}
	}
}
