package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// scene is a bench, and what the requests of the table name.
type scene struct {
	*bench
	replace *strings.Replacer
}

const (
	unknownKey = "1234abcd-12ab-34cd-56ef-1234567890ab"
	unknownMRK = "mrk-1234abcd12ab34cd56ef1234567890ab"
	arnHead    = "arn:aws:kms:" + region + ":" + account + ":"
)

// newScene has keys in several states: KEY, OTHER, OFF (disabled) and DOOMED, whose alias is alias/app; BLOB is a
// ciphertext of KEY, and HEAD the beginning of ARNs.
func newScene(t *testing.T) scene {
	b := newBench(t)
	key, other, off, doomed := b.newKey(), b.newKey(), b.newKey(), b.newKey()
	do[any](b, "CreateAlias", &api.CreateAliasInput{AliasName: new("alias/app"), TargetKeyID: &key})
	do[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &off})
	do[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &doomed})
	blob := do[*api.EncryptOutput](b, "Encrypt", &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}).CiphertextBlob
	tags := make([]api.Tag, 51)
	for i := range tags {
		tags[i] = api.NewTag(strings.Repeat("k", i+1), "")
	}
	many, err := json.Marshal(tags)
	if err != nil {
		t.Fatal(err)
	}
	return scene{b, strings.NewReplacer("KEY", key, "OTHER", other, "OFF", off, "DOOMED", doomed, "HEAD", arnHead,
		"BLOB", base64.StdEncoding.EncodeToString(blob), "MANY", string(many), "NOKEY", unknownKey, "NOMRK", unknownMRK)}
}

// policy is a key policy as a member of JSON.
func policy(principal string) string {
	text := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":"kms:*","Resource":"*"}}`
	return quotedText(text)
}

func quotedText(text string) string {
	quoted, _ := json.Marshal(text) // a string always has a form
	return string(quoted)
}

// awsTexts are requests and the exact answers of AWS: operation, request, error and message; no message means that AWS sends
// none.
var awsTexts = []struct{ operation, request, code, message string }{
	{"DescribeKey", `{"KeyId":"NOKEY"}`, "NotFoundException", "Key 'HEADkey/NOKEY' does not exist"},
	{"DescribeKey", `{"KeyId":"HEADkey/NOKEY"}`, "NotFoundException", "Key 'HEADkey/NOKEY' does not exist"},
	{"Encrypt", `{"KeyId":"NOMRK","Plaintext":"eA=="}`, "NotFoundException", "Key 'HEADkey/NOMRK' does not exist"},
	{"DisableKey", `{"KeyId":"1234ABCD-12AB-34CD-56EF-1234567890AB"}`, "NotFoundException", "Key 'HEADkey/1234ABCD-12AB-34CD-56EF-1234567890AB' does not exist"},
	{"DescribeKey", `{"KeyId":"mrk-1234"}`, "NotFoundException", "Invalid keyId 'mrk-1234'"},
	{"DescribeKey", `{"KeyId":"1234abcd12ab34cd56ef1234567890ab"}`, "NotFoundException", "Invalid keyId '1234abcd12ab34cd56ef1234567890ab'"},
	{"DescribeKey", `{"KeyId":"HEADkey/mrk-1234"}`, "NotFoundException", "Invalid keyId mrk-1234"},
	{"DescribeKey", `{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/NOKEY"}`, "NotFoundException", "Invalid arn us-east-1"},
	{"DescribeKey", `{"KeyId":"arn:aws:kms:us-east-1:111122223333:alias/app"}`, "NotFoundException", "Invalid arn us-east-1"},
	{"DescribeKey", `{"KeyId":"alias/none"}`, "NotFoundException", "Alias HEADalias/none is not found."},
	{"DescribeKey", `{"KeyId":"HEADalias/none"}`, "NotFoundException", "Alias HEADalias/none is not found."},
	{"DescribeKey", `{"KeyId":"alias/aws/none"}`, "NotFoundException", "Alias HEADalias/aws/none is not found."},
	{"UpdateAlias", `{"AliasName":"alias/none","TargetKeyId":"KEY"}`, "NotFoundException", "Alias HEADalias/none is not found."},
	{"DeleteAlias", `{"AliasName":"alias/none"}`, "NotFoundException", "Alias HEADalias/none is not found."},

	{"DisableKey", `{"KeyId":"alias/none"}`, "InvalidArnException", "Key Aliases are not supported for this operation."},
	{"TagResource", `{"KeyId":"HEADalias/app","Tags":[]}`, "InvalidArnException", "Key Aliases are not supported for this operation."},
	{"CreateGrant", `{"KeyId":"alias/app","GranteePrincipal":"111122223333","Operations":["Encrypt"]}`, "InvalidArnException", "Key Aliases are not supported for this operation."},
	{"GetKeyRotationStatus", `{"KeyId":"alias/app"}`, "InvalidArnException", "Key Aliases are not supported for this operation."},

	{"CreateAlias", `{"AliasName":"alias/app","TargetKeyId":"OTHER"}`, "AlreadyExistsException", "An alias with the name HEADalias/app already exists"},
	{"CreateAlias", `{"AliasName":"app","TargetKeyId":"KEY"}`, "ValidationException", `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html`},
	{"CreateAlias", `{"AliasName":"alias/new","TargetKeyId":"alias/app"}`, "ValidationException", "Aliases must refer to keys. Not aliases"},
	{"CreateKey", `{"KeySpec":"RSA_2048","CustomerMasterKeySpec":"RSA_2048"}`, "ValidationException", "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated."},
	{"CreateKey", `{"KeySpec":"RSA_2048"}`, "ValidationException", "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."},
	{"CreateKey", `{"KeySpec":"HMAC_256","KeyUsage":"SIGN_VERIFY"}`, "ValidationException", "KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256"},
	{"CreateKey", `{"Tags":[{"TagKey":"a","TagValue":""},{"TagKey":"a","TagValue":""}]}`, "TagException", "Duplicate tag keys"},
	{"CreateKey", `{"Tags":MANY}`, "TagException", "Too many tags"},
	{"TagResource", `{"KeyId":"KEY","Tags":[{"TagKey":"AWS:a","TagValue":""}]}`, "TagException", "Tags beginning with aws: are reserved"},

	{"Encrypt", `{"KeyId":"OFF","Plaintext":"eA=="}`, "DisabledException", "HEADkey/OFF is disabled."},
	{"EnableKeyRotation", `{"KeyId":"OFF"}`, "DisabledException", "HEADkey/OFF is disabled."},
	{"Encrypt", `{"KeyId":"DOOMED","Plaintext":"eA=="}`, "KMSInvalidStateException", "HEADkey/DOOMED is pending deletion."},
	{"ScheduleKeyDeletion", `{"KeyId":"DOOMED"}`, "KMSInvalidStateException", "HEADkey/DOOMED is pending deletion."},
	{"CancelKeyDeletion", `{"KeyId":"KEY"}`, "KMSInvalidStateException", "HEADkey/KEY is not pending deletion."},

	{"Encrypt", `{"KeyId":"KEY","Plaintext":"eA==","EncryptionAlgorithm":"RSAES_OAEP_SHA_256"}`, "InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT."},
	{"GenerateDataKey", `{"KeyId":"KEY"}`, "ValidationException", "Please specify either number of bytes or key spec."},
	{"GenerateDataKeyWithoutPlaintext", `{"KeyId":"KEY","KeySpec":"AES_256","NumberOfBytes":32}`, "ValidationException", "Please specify either number of bytes or key spec."},
	{"GenerateRandom", `{}`, "ValidationException", "NumberOfBytes is required."},
	{"Decrypt", `{"CiphertextBlob":"BLOB","KeyId":"OTHER"}`, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation."},
	{"Decrypt", `{"CiphertextBlob":"BLOB","EncryptionContext":{"a":"b"}}`, "InvalidCiphertextException", ""},
	{"ReEncrypt", `{"CiphertextBlob":"BLOB","SourceKeyId":"OTHER","DestinationKeyId":"KEY"}`, "IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation."},
	{"Encrypt", `{"KeyId":"KEY","Plaintext":"eA==","DryRun":true}`, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set."},

	{"CreateGrant", `{"KeyId":"KEY","GranteePrincipal":"111122223333","Operations":["CreateGrant"]}`, "ValidationException", "Grants must not contain only the CreateGrant operation."},
	{"CreateGrant", `{"KeyId":"KEY","GranteePrincipal":"111122223333","Operations":["Encrypt"],"Constraints":{"EncryptionContextEquals":{},"EncryptionContextSubset":{"a":"b"}}}`,
		"ValidationException", "More than one constraint supplied"},
	{"PutKeyPolicy", `{"KeyId":"KEY","Policy":` + policy("arn:aws:iam::111122223333:user/nobody") + `}`, "MalformedPolicyDocumentException", "Policy contains a statement with one or more invalid principals."},
	{"PutKeyPolicy", `{"KeyId":"KEY","Policy":` + policy("arn:aws:iam::111122223333:group/all") + `}`, "InvalidArnException", "An ARN in the specified key policy is invalid."},
	{"CreateKey", `{"Policy":` + quotedText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:Encrypt","Resource":"*"}}`) + `}`,
		"MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future."},
}

func TestTheTextsAreThoseOfAWS(t *testing.T) {
	s := newScene(t)
	for _, c := range awsTexts {
		t.Run(c.operation+" "+c.code, func(t *testing.T) {
			s.t = t
			got := s.call("TrentService."+c.operation, s.replace.Replace(c.request))
			if c.message == "" {
				s.refused(got, 400, c.code)
			} else {
				s.refused(got, 400, c.code, s.replace.Replace(c.message))
			}
			if kind := got.header.Get("X-Amzn-Errortype"); kind != "" {
				t.Errorf("the header names the error %q, and AWS's has none", kind)
			}
		})
	}
}

func TestTheTextsOfRefusalsAreThoseOfAWS(t *testing.T) {
	s := newScene(t)
	arn, reader := s.user("reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:List*","Resource":"*"}}`)
	_, barred := s.user("barred", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"kms:*","Resource":"*"}}`)
	as := func(operation, body string) reply {
		return s.ask(s.sign(request("TrentService."+operation, s.replace.Replace(body)), reader))
	}
	head := "User: " + arn + " is not authorized to perform: kms:"
	s.refused(as("Decrypt", `{"CiphertextBlob":"BLOB"}`), 400, "AccessDeniedException",
		"The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	s.refused(as("CreateKey", `{}`), 400, "AccessDeniedException", head+"CreateKey on resource: * because no identity-based policy allows the kms:CreateKey action")
	s.refused(as("Encrypt", `{"KeyId":"KEY","Plaintext":"eA=="}`), 400, "AccessDeniedException",
		s.replace.Replace(head+"Encrypt on resource: HEADkey/KEY because no identity-based policy allows the kms:Encrypt action"))
	s.refused(as("DescribeKey", `{"KeyId":"arn:aws:kms:`+region+`:999988887777:key/NOKEY"}`), 400, "AccessDeniedException",
		s.replace.Replace(head+"DescribeKey on resource: arn:aws:kms:"+region+":999988887777:key/NOKEY because the resource does not exist in this Region, "+
			"no resource-based policies allow access, or a resource-based policy explicitly denies access"))
	got := s.ask(s.sign(request("TrentService.ListKeys", `{}`), barred))
	if !strings.Contains(got.body, "kms:ListKeys on resource: * with an explicit deny in an identity-based policy") {
		t.Errorf("got %s", got.body)
	}
}

// What the decoder answers comes before whatever the members say, as on AWS's framework, and leaves no trace but its record.
func TestABodyThatCannotBeReadIsToldBeforeItsMembersAre(t *testing.T) {
	b := newBench(t)
	const none = ""
	for name, c := range map[string]struct{ operation, body, message string }{
		"a byte order mark":            {"ListKeys", "\ufeff{}", none},
		"text behind the object":       {"ListKeys", `{}{}`, none},
		"a trailing comma":             {"ListKeys", `{"Limit":1,}`, none},
		"a text":                       {"ListKeys", `"ListKeys"`, none},
		"octets that are not UTF-8":    {"ListKeys", "{\"Marker\":\"\xff\"}", none},
		"a member twice":               {"ListKeys", `{"Limit":1,"Limit":2}`, "Duplicate member Limit"},
		"a number that is too big":     {"ListKeys", `{"Limit":99999999999999999999}`, "NUMBER_VALUE can not be converted to an Integer"},
		"a number as a text":           {"ListKeys", `{"Limit":"10"}`, "STRING_VALUE can not be converted to an Integer"},
		"a truth value for a number":   {"ListKeys", `{"Limit":true}`, "TRUE_VALUE can not be converted to an Integer"},
		"a number for a text":          {"DisableKey", `{"KeyId":1}`, "NUMBER_VALUE can not be converted to a String"},
		"a structure for a text":       {"DisableKey", `{"KeyId":{}}`, "Start of structure or map found where not expected."},
		"a list for a text":            {"DisableKey", `{"KeyId":[]}`, "Expected null"},
		"a text for a list":            {"TagResource", `{"Tags":"a"}`, "Expected list or null"},
		"a text for a truth value":     {"CreateKey", `{"MultiRegion":"true"}`, "STRING_VALUE can not be converted to a Boolean"},
		"base64 of the other alphabet": {"Encrypt", `{"Plaintext":"_-8="}`, "Invalid base64 in Plaintext"},
		"many brackets":                {"ListKeys", `{"X":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`, "Nested too deeply"},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			got := b.call("TrentService."+c.operation, c.body)
			if c.message == none {
				b.refused(got, 400, "SerializationException")
			} else {
				b.refused(got, 400, "SerializationException", c.message)
			}
			if record := b.audit.of(got.id); len(record) != 1 || record[0]["requestParameters"] != nil {
				t.Errorf("recorded %v", record)
			}
		})
	}
	b.t = t
	if got := b.call("TrentService.ListKeys", `{"Limit":null,"Marker":null,"Newer":{"x":[null]}}`); got.status != 200 {
		t.Errorf("null and unknown members are answered %d %s", got.status, got.body)
	}
	if got := b.call("TrentService.GenerateRandom", `{"NumberOfBytes":16.9}`); got.status != 200 || len(got.body) != len(`{"Plaintext":""}`)+24 {
		t.Errorf("a fraction is answered %d %s", got.status, got.body)
	}
}
