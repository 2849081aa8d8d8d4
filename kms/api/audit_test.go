package api_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

func TestAuditFieldsShowsWhatMayBeShown(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape any
		want  map[string]any
	}{
		{"encrypt", &api.EncryptInput{KeyID: new("k"), Plaintext: api.Sensitive("p"), GrantTokens: []string{"t"}, DryRun: new(false),
			EncryptionContext: api.EncryptionContext{"Tenant": "42"}},
			map[string]any{"keyId": "k", "encryptionContext": map[string]any{"Tenant": "42"}, "dryRun": false}},
		{"tags", api.TagResourceInput{KeyID: new("k"), Tags: []api.Tag{api.NewTag("a", "b")}},
			map[string]any{"keyId": "k", "tags": []any{map[string]any{"tagKey": "a", "tagValue": "b"}}}},
		{"a deletion", &api.ScheduleKeyDeletionOutput{KeyID: "k", KeyState: keyspec.StatePendingDeletion, DeletionDate: 1700000000123456, PendingWindowInDays: 7},
			map[string]any{"keyId": "k", "keyState": "PendingDeletion", "deletionDate": "2023-11-14T22:13:20.123Z", "pendingWindowInDays": int64(7)}},
		{"an attestation document", &api.GenerateRandomInput{Recipient: &api.RecipientInfo{AttestationDocument: []byte("abc")}},
			map[string]any{"recipient": map[string]any{"attestationDocumentSha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}},
		{"a plaintext", &api.DecryptOutput{Plaintext: api.Sensitive("p"), KeyMaterialID: "m"}, map[string]any{"keyMaterialId": "m"}},
		{"nothing", api.Void{}, nil},
		{"no shape", nil, nil},
		{"a nil shape", (*api.EncryptInput)(nil), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := api.AuditFields(c.shape); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %#v\nwant %#v", got, c.want)
			}
		})
	}
}

func TestAuditFieldsNeverShowsASecret(t *testing.T) {
	for _, shape := range slicesOfShapes() {
		v := reflect.New(reflect.TypeOf(shape).Elem())
		fill(v.Elem())
		text, err := json.Marshal(api.AuditFields(v.Interface()))
		if err != nil {
			t.Fatal(err)
		}
		// The octets that fill writes, in base64 and as numbers, and the names of members that are never shown.
		for _, leak := range []string{"paU", "165,", `laintext"`, "iphertext", "rantToken"} {
			if strings.Contains(string(text), leak) {
				t.Errorf("%T shows %q: %s", shape, leak, text)
			}
		}
	}
}
