package clients

import (
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is what every operation that lists has besides its list.
const page = " NextMarker?:text Truncated:bool"

// outputs are the members of the answers of AWS KMS, by operation, for symmetric keys whose material AWS made, after the
// AWS KMS API reference. Each is name:kind; a "?" says that not every answer has it; [kind] is a list; a kind with a capital
// letter is a structure. "" is an answer without a body.
var outputs = map[string]string{
	"CancelKeyDeletion":               "KeyId:keyArn",
	"CreateAlias":                     "",
	"CreateGrant":                     "GrantToken:text GrantId:hex64",
	"CreateKey":                       "KeyMetadata:KeyMetadata",
	"Decrypt":                         "KeyId:keyArn Plaintext:blob EncryptionAlgorithm:text KeyMaterialId:hex64",
	"DeleteAlias":                     "",
	"DescribeKey":                     "KeyMetadata:KeyMetadata",
	"DisableKey":                      "",
	"DisableKeyRotation":              "",
	"EnableKey":                       "",
	"EnableKeyRotation":               "",
	"Encrypt":                         "CiphertextBlob:blob KeyId:keyArn EncryptionAlgorithm:text",
	"GenerateDataKey":                 "CiphertextBlob:blob Plaintext:blob KeyId:keyArn KeyMaterialId:hex64",
	"GenerateDataKeyWithoutPlaintext": "CiphertextBlob:blob KeyId:keyArn KeyMaterialId:hex64",
	"GenerateRandom":                  "Plaintext:blob",
	"GetKeyPolicy":                    "Policy:text PolicyName:text",
	"GetKeyRotationStatus":            "KeyRotationEnabled:bool KeyId:text RotationPeriodInDays?:int NextRotationDate?:time OnDemandRotationStartDate?:time",
	"ListAliases":                     "Aliases:[AliasListEntry]" + page,
	"ListGrants":                      "Grants:[GrantListEntry]" + page,
	"ListKeyPolicies":                 "PolicyNames:[text]" + page,
	"ListKeyRotations":                "Rotations:[RotationsListEntry]" + page,
	"ListKeys":                        "Keys:[KeyListEntry]" + page,
	"ListResourceTags":                "Tags:[Tag]" + page,
	"ListRetirableGrants":             "Grants:[GrantListEntry]" + page,
	"PutKeyPolicy":                    "",
	"ReEncrypt": "CiphertextBlob:blob SourceKeyId:keyArn KeyId:keyArn SourceEncryptionAlgorithm:text DestinationEncryptionAlgorithm:text " +
		"SourceKeyMaterialId:hex64 DestinationKeyMaterialId:hex64",
	"RetireGrant":          "",
	"RevokeGrant":          "",
	"RotateKeyOnDemand":    "KeyId:keyArn",
	"ScheduleKeyDeletion":  "KeyId:keyArn DeletionDate:time KeyState:text PendingWindowInDays:int",
	"TagResource":          "",
	"UntagResource":        "",
	"UpdateAlias":          "",
	"UpdateKeyDescription": "",
}

// structures are the members of structures, written as those of outputs.
var structures = map[string]string{
	"AliasListEntry":   "AliasName:text AliasArn:aliasArn TargetKeyId:id CreationDate:time LastUpdatedDate:time",
	"GrantConstraints": "EncryptionContextSubset?:texts EncryptionContextEquals?:texts SourceArn?:text",
	"GrantListEntry": "KeyId:keyArn GrantId:hex64 Name:text CreationDate:time GranteePrincipal:text RetiringPrincipal?:text IssuingAccount:text " +
		"Operations:[text] Constraints?:GrantConstraints",
	"KeyListEntry": "KeyId:id KeyArn:keyArn",
	"KeyMetadata": "AWSAccountId:text KeyId:id Arn:keyArn CreationDate:time Enabled:bool Description:text KeyUsage:text KeyState:text " +
		"DeletionDate?:time Origin:text KeyManager:text CustomerMasterKeySpec:text KeySpec:text EncryptionAlgorithms:[text] MultiRegion:bool CurrentKeyMaterialId:hex64",
	"RotationsListEntry": "KeyId:id KeyMaterialId:hex64 KeyMaterialState?:text RotationDate?:time RotationType?:text",
	"Tag":                "TagKey:text TagValue:text",
}

// kinds tell whether a value is of a kind.
var kinds = map[string]func(v any) bool{
	"aliasArn": matches(`arn:aws:kms:` + region + `:` + account + `:alias/.+`),
	"blob": func(v any) bool {
		text, ok := v.(string)
		octets, err := base64.StdEncoding.Strict().DecodeString(text)
		return ok && err == nil && len(octets) > 0
	},
	"bool":   func(v any) bool { _, ok := v.(bool); return ok },
	"hex64":  matches(`[0-9a-f]{64}`),
	"id":     matches(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`),
	"int":    func(v any) bool { n, ok := v.(float64); return ok && n == float64(int(n)) },
	"keyArn": matches(`arn:aws:kms:` + region + `:` + account + `:key/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`),
	"text":   func(v any) bool { _, ok := v.(string); return ok },
	"texts": func(v any) bool {
		pairs, ok := v.(map[string]any)
		for _, value := range pairs {
			_, isText := value.(string)
			ok = ok && isText
		}
		return ok
	},
	"time": func(v any) bool { n, ok := v.(float64); return ok && n > 1.7e9 && n < 1e10 }, // seconds, perhaps with a fraction
}

func matches(pattern string) func(any) bool {
	re := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(v any) bool {
		text, ok := v.(string)
		return ok && re.MatchString(text)
	}
}

// checkMembers compares members with a shape, and answers what is wrong.
func checkMembers(path, shape string, members map[string]any) (wrong []string) {
	known := map[string]bool{}
	for member := range strings.FieldsSeq(shape) {
		name, kind, _ := strings.Cut(member, ":")
		name, optional := strings.CutSuffix(name, "?")
		known[name] = true
		value, present := members[name]
		if present {
			wrong = append(wrong, checkValue(path+"."+name, kind, value)...)
		} else if !optional {
			wrong = append(wrong, path+"."+name+" is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !known[name] {
			wrong = append(wrong, path+"."+name+" is none of AWS's")
		}
	}
	if truncated, ok := members["Truncated"].(bool); ok && truncated != (members["NextMarker"] != nil) {
		wrong = append(wrong, path+": a marker stands beside Truncated exactly when it is true")
	}
	return wrong
}

func checkValue(path, kind string, value any) (wrong []string) {
	if inner, ok := strings.CutPrefix(kind, "["); ok {
		list, isList := value.([]any)
		if !isList {
			return []string{fmt.Sprintf("%s is %v, which is no list", path, value)}
		}
		for i, v := range list {
			wrong = append(wrong, checkValue(fmt.Sprintf("%s[%d]", path, i), strings.TrimSuffix(inner, "]"), v)...)
		}
		return wrong
	}
	if shape, ok := structures[kind]; ok {
		members, _ := value.(map[string]any)
		return checkMembers(path, shape, members)
	}
	if !kinds[kind](value) {
		return []string{fmt.Sprintf("%s is %v, which is no %s", path, value, kind)}
	}
	return nil
}

// A check that lets everything pass would go unseen.
func TestTheCheckOfShapesFindsWhatIsWrong(t *testing.T) {
	key := map[string]any{"KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab", "KeyArn": "arn:aws:kms:" + region + ":" + account + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"}
	whole := func() map[string]any { return map[string]any{"Keys": []any{maps.Clone(key)}, "Truncated": false} }
	if wrong := checkMembers("ListKeys", outputs["ListKeys"], whole()); wrong != nil {
		t.Errorf("nothing is wrong, and yet: %v", wrong)
	}
	for name, c := range map[string]struct {
		edit func(m map[string]any)
		want string
	}{
		"a member is missing":     {func(m map[string]any) { delete(m, "Truncated") }, "ListKeys.Truncated is missing"},
		"a member is not AWS's":   {func(m map[string]any) { m["Total"] = 1.0 }, "ListKeys.Total is none of AWS's"},
		"a member has other type": {func(m map[string]any) { m["Truncated"] = "false" }, "ListKeys.Truncated is false, which is no bool"},
		"a marker too many":       {func(m map[string]any) { m["NextMarker"] = "x" }, "ListKeys: a marker stands"},
		"in a list":               {func(m map[string]any) { delete(m["Keys"].([]any)[0].(map[string]any), "KeyArn") }, "ListKeys.Keys[0].KeyArn is missing"},
		"an ARN for an id":        {func(m map[string]any) { m["Keys"].([]any)[0].(map[string]any)["KeyId"] = key["KeyArn"] }, "which is no id"},
	} {
		members := whole()
		c.edit(members)
		if wrong := checkMembers("ListKeys", outputs["ListKeys"], members); len(wrong) != 1 || !strings.Contains(wrong[0], c.want) {
			t.Errorf("%s: %v, want %q", name, wrong, c.want)
		}
	}
}
