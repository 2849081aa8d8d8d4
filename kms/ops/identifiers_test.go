package ops_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// naming is how the operations take the member that names a key.
type naming int

const (
	anyForm     naming = iota + 1 // id, key ARN, alias name, alias ARN
	noAlias                       // id or key ARN; an alias is refused before it is looked up
	aliasTarget                   // id or key ARN; an alias is refused in the words of alias operations
)

// namings is the column "key identifiers accepted" of the AWS KMS API reference, typed by hand.
var namings = map[string]naming{
	"CancelKeyDeletion.KeyId": noAlias, "CreateAlias.TargetKeyId": aliasTarget, "CreateGrant.KeyId": noAlias, "Decrypt.KeyId": anyForm,
	"DescribeKey.KeyId": anyForm, "DisableKey.KeyId": noAlias, "DisableKeyRotation.KeyId": noAlias,
	"EnableKey.KeyId": noAlias, "EnableKeyRotation.KeyId": noAlias, "Encrypt.KeyId": anyForm,
	"ExplainAccess.KeyId": anyForm, "WhoCan.KeyId": anyForm,
	"GenerateDataKey.KeyId": anyForm, "GenerateDataKeyWithoutPlaintext.KeyId": anyForm,
	"GetKeyPolicy.KeyId": noAlias, "ListGrants.KeyId": noAlias, "ListKeyPolicies.KeyId": noAlias, "PutKeyPolicy.KeyId": noAlias,
	"ResetKeyPolicy.KeyId": noAlias, "RetireGrant.KeyId": noAlias, "RevokeGrant.KeyId": noAlias,
	"GetKeyRotationStatus.KeyId": noAlias, "ListAliases.KeyId": noAlias, "ListKeyRotations.KeyId": noAlias,
	"ListResourceTags.KeyId": noAlias, "ReEncrypt.SourceKeyId": anyForm, "ReEncrypt.DestinationKeyId": anyForm,
	"RotateKeyOnDemand.KeyId": noAlias, "ScheduleKeyDeletion.KeyId": noAlias, "TagResource.KeyId": noAlias,
	"UntagResource.KeyId": noAlias, "UpdateAlias.TargetKeyId": aliasTarget, "UpdateKeyDescription.KeyId": noAlias,
}

// optional are the key members that may be absent.
var optional = map[string]bool{"Decrypt.KeyId": true, "ExplainAccess.KeyId": true, "ListAliases.KeyId": true, "ReEncrypt.SourceKeyId": true}

const (
	unknownID  = "00000000-0000-4000-8000-000000000000"
	stranger   = "444455556666"
	pattern    = `failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`
	one        = "1 validation error detected: "
	noSuchKey  = "NotFoundException"
	invalidArn = "InvalidArnException"
)

// misnomer is a way to name no key, with AWS's answer. PATH stands for the member, ACTION for the action on it.
type misnomer struct{ story, ref, name, text string }

func misnomers(s subject) []misnomer {
	elsewhere := strings.Replace(keyARN(s.key), region, "us-east-1", 1)
	china := strings.Replace(keyARN(s.key), "arn:aws:", "arn:aws-cn:", 1)
	foreign := strings.Replace(keyARN(s.key), account, stranger, 1)
	hidden := func(arn string) string {
		return "User: arn:aws:iam::" + account + ":root is not authorized to perform: ACTION on resource: " + arn +
			" because the resource does not exist in this Region, no resource-based policies allow access, " +
			"or a resource-based policy explicitly denies access"
	}
	bare, mrk := strings.ReplaceAll(s.key, "-", ""), "mrk-"+strings.ReplaceAll(s.key, "-", "")
	long := strings.Repeat("k", 2049)
	return []misnomer{
		{"an unknown id", unknownID, noSuchKey, "Key '" + keyARN(unknownID) + "' does not exist"},
		{"an unknown key ARN", keyARN(unknownID), noSuchKey, "Key '" + keyARN(unknownID) + "' does not exist"},
		{"the id in upper case", strings.ToUpper(s.key), noSuchKey, "Key '" + keyARN(strings.ToUpper(s.key)) + "' does not exist"},
		{"the ARN with the id in upper case", keyARN(strings.ToUpper(s.key)), noSuchKey, "Key '" + keyARN(strings.ToUpper(s.key)) + "' does not exist"},
		{"the id without dashes", bare, noSuchKey, "Invalid keyId '" + bare + "'"},
		{"the id with a blank behind it", s.key + " ", noSuchKey, "Invalid keyId '" + s.key + " '"},
		{"a multi-Region id that is too short", "mrk-1234", noSuchKey, "Invalid keyId 'mrk-1234'"},
		{"an unknown multi-Region id", mrk, noSuchKey, "Key '" + keyARN(mrk) + "' does not exist"},
		{"an ARN with an id that is none", keyARN("mrk-1234"), noSuchKey, "Invalid keyId mrk-1234"},
		{"an ARN without id", keyARN(""), noSuchKey, "Invalid keyId "},
		{"a word", "mykey", noSuchKey, "Invalid keyId 'mykey'"},
		{"control characters", "\x00\t\x7f", noSuchKey, "Invalid keyId '\x00\t\x7f'"},
		{"letters beyond ASCII", "ключ", "ValidationException", one + "Value 'ключ' at 'PATH' " + pattern},
		{"2049 characters", long, "ValidationException", one + "Value '" + long + "' at 'PATH' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		{"nothing between the quotes", "", "ValidationException", "2 validation errors detected: Value '' at 'PATH' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1; Value '' at 'PATH' " + pattern},
		{"an ARN of another Region", elsewhere, noSuchKey, "Invalid arn us-east-1"},
		{"an ARN of another partition", china, noSuchKey, "Invalid arn " + region},
		{"an ARN of another account", foreign, "AccessDeniedException", hidden(foreign)},
		{"an ARN that breaks off", "arn:aws:kms:" + region, invalidArn, "Invalid arn arn:aws:kms:" + region},
		{"an ARN of another service", strings.Replace(keyARN(s.key), ":kms:", ":s3:", 1), invalidArn, "Invalid arn " + strings.Replace(keyARN(s.key), ":kms:", ":s3:", 1)},
		{"an ARN without account", strings.Replace(keyARN(s.key), account, "", 1), invalidArn, "Invalid arn " + strings.Replace(keyARN(s.key), account, "", 1)},
		{"an ARN of something else", arnBase + "grant/" + s.key, invalidArn, "Invalid arn " + arnBase + "grant/" + s.key},
		{"an alias in the place of an ARN's id", keyARN(s.alias), noSuchKey, "Invalid keyId " + s.alias},
	}
}

// aliasMisnomers name no key through an alias, for members that take aliases.
func aliasMisnomers(s subject) []misnomer {
	foreign := "arn:aws:kms:" + region + ":" + stranger + ":" + s.alias
	return []misnomer{
		{"an unknown alias", "alias/nobody", noSuchKey, "Alias " + arnBase + "alias/nobody is not found."},
		{"an unknown alias ARN", arnBase + "alias/nobody", noSuchKey, "Alias " + arnBase + "alias/nobody is not found."},
		{"the alias in another case", strings.ToUpper(s.alias[:7]) + s.alias[7:], noSuchKey, "Invalid keyId '" + strings.ToUpper(s.alias[:7]) + s.alias[7:] + "'"},
		{"an alias of AWS that does not exist", "alias/aws/s3", noSuchKey, "Alias " + arnBase + "alias/aws/s3 is not found."},
		{"an alias ARN of another Region", "arn:aws:kms:us-east-1:" + account + ":" + s.alias, noSuchKey, "Invalid arn us-east-1"},
		{"an alias ARN of another account", foreign, "AccessDeniedException",
			"User: arn:aws:iam::" + account + ":root is not authorized to perform: ACTION on resource: " + foreign +
				" because the resource does not exist in this Region, no resource-based policies allow access, " +
				"or a resource-based policy explicitly denies access"},
	}
}

// refusedAliases name a key that exists, or not, through an alias where none is taken. It makes no difference.
func refusedAliases(s subject, n naming) []misnomer {
	name, text := invalidArn, "Key Aliases are not supported for this operation."
	if n == aliasTarget {
		name, text = "ValidationException", "Aliases must refer to keys. Not aliases"
	}
	return []misnomer{
		{"its alias", s.alias, name, text},
		{"its alias ARN", arnBase + s.alias, name, text},
		{"an alias that does not exist", "alias/nobody", name, text},
		{"an alias ARN of another Region", "arn:aws:kms:us-east-1:" + account + ":" + s.alias, name, text},
	}
}

// actionOn is the action that an operation needs on the key that a member names.
func actionOn(operation, memberName string) string {
	switch memberName {
	case "SourceKeyId":
		return "kms:ReEncryptFrom"
	case "DestinationKeyId":
		return "kms:ReEncryptTo"
	}
	return firstAction(operation)
}

func TestEveryMemberThatNamesAKeyRefusesWhatNamesNone(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	seen := map[string]bool{}
	for _, row := range ops.Table() {
		d := row.Describe()
		for _, name := range keyMembers(d.NewInput()) {
			where := d.Name + "." + name
			seen[where] = true
			list := misnomers(s)
			switch n := namings[where]; n {
			case anyForm:
				list = append(list, aliasMisnomers(s)...)
			case noAlias, aliasTarget:
				list = append(list, refusedAliases(s, n)...)
			default:
				t.Errorf("namings does not say how %s names its key", where)
			}
			b.unchanged(t, func() {
				for _, m := range list {
					t.Run(where+" with "+m.story, func(t *testing.T) {
						in := sample(t, d.Name, s)
						member(t, in, name).Set(reflect.ValueOf(&m.ref))
						err := b.recorded(t, kms.Request{Operation: d.Name, Caller: b.root(), Input: in})
						text := strings.NewReplacer("PATH", lowerCamel(name), "ACTION", actionOn(d.Name, name)).Replace(m.text)
						refused(t, err, m.name, text)
					})
				}
			})
			t.Run(where+" when it is absent", func(t *testing.T) {
				in := sample(t, d.Name, s)
				member(t, in, name).SetZero()
				_, err := try[any](b, d.Name, in)
				if optional[where] {
					if err != nil {
						t.Errorf("it may be absent, and is refused: %v", err)
					}
					return
				}
				refused(t, err, "ValidationException", one+"Value null at '"+lowerCamel(name)+"' failed to satisfy constraint: Member must not be null")
			})
		}
	}
	for where := range namings {
		if !seen[where] {
			t.Errorf("namings lists %s, which is no member of an operation", where)
		}
	}
}

func TestAnAliasNameIsAnAliasNameAndNothingElse(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	for _, operation := range []string{"UpdateAlias", "DeleteAlias"} {
		b.unchanged(t, func() {
			for _, name := range []string{"alias/nobody", s.key, keyARN(s.key), arnBase + s.alias, "app", "alias/", "alias/App", "alias/app/"} {
				t.Run(operation+" of "+name, func(t *testing.T) {
					in := sample(t, operation, s)
					member(t, in, "AliasName").Set(reflect.ValueOf(&name))
					err := b.recorded(t, kms.Request{Operation: operation, Caller: b.root(), Input: in})
					refused(t, err, noSuchKey, "Alias "+arnBase+name+" is not found.")
				})
			}
		})
	}
}

// Whatever names a key names the same one, and answers show it in AWS's forms.
func TestAKeyIsTheSameByEveryOfItsNames(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	for _, ref := range []string{s.key, keyARN(s.key), s.alias, arnBase + s.alias} {
		t.Run(ref, func(t *testing.T) {
			if got := must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &ref}).KeyMetadata; got.KeyID != s.key || got.Arn != keyARN(s.key) {
				t.Errorf("DescribeKey tells of %s, %s", got.KeyID, got.Arn)
			}
			if got := must[*api.EncryptOutput](b, "Encrypt", &api.EncryptInput{KeyID: &ref, Plaintext: []byte("x")}).KeyID; got != keyARN(s.key) {
				t.Errorf("Encrypt tells of %s", got)
			}
			if got := must[*api.DecryptOutput](b, "Decrypt", &api.DecryptInput{KeyID: &ref, CiphertextBlob: s.blob}).KeyID; got != keyARN(s.key) {
				t.Errorf("Decrypt tells of %s", got)
			}
			re := must[*api.ReEncryptOutput](b, "ReEncrypt", &api.ReEncryptInput{SourceKeyID: &ref, DestinationKeyID: &ref, CiphertextBlob: s.blob})
			if re.KeyID != keyARN(s.key) || re.SourceKeyID != keyARN(s.key) {
				t.Errorf("ReEncrypt tells of %s and %s", re.SourceKeyID, re.KeyID)
			}
		})
	}
	for i, ref := range []string{s.key, keyARN(s.key)} {
		name := fmt.Sprintf("alias/by-%d", i)
		b.newAlias(name, ref)
		list := must[*api.ListAliasesOutput](b, "ListAliases", &api.ListAliasesInput{KeyID: &ref}).Aliases
		for _, a := range list {
			if a.TargetKeyID != s.key {
				t.Errorf("%s is listed with the target %s, want the bare id", a.AliasName, a.TargetKeyID)
			}
		}
	}
}
