package ops_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// story writes audit records for people: the first in full, of the others what is not as in the first. Drawn ids are
// numbered; those of the events themselves are only compared.
type story struct {
	t     *testing.T
	text  strings.Builder
	first map[string]any
	seen  map[any]bool
}

func (s *story) add(title string, record map[string]any) {
	s.t.Helper()
	if s.seen == nil {
		s.seen = map[any]bool{}
	}
	for _, name := range []string{"eventID", "requestID"} {
		if id, _ := record[name].(string); !drawn.MatchString(id) || s.seen[id] {
			s.t.Errorf("%s: %s %q is no UUID, or came before", title, name, id)
		}
		s.seen[record[name]] = true
	}
	shown := maps.Clone(record)
	if s.first == nil {
		s.first = record
	} else {
		maps.DeleteFunc(shown, func(name string, value any) bool {
			return name == "eventID" || name == "requestID" || reflect.DeepEqual(value, s.first[name])
		})
	}
	text, err := json.MarshalIndent(shown, "", "  ")
	if err != nil {
		s.t.Fatal(err)
	}
	s.text.WriteString(title + " " + normal(string(text)) + "\n\n")
}

// secrets are the octets of every blob of a shape, in the forms in which they could leak, and its secret texts.
func secrets(shape any) []string {
	var list []string
	v := reflect.Indirect(reflect.ValueOf(shape))
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.Struct:
			list = append(list, secrets(f.Interface())...)
		case f.Type() == reflect.TypeFor[api.SecretText]():
			list = append(list, f.String())
		}
		if f := v.Field(i); f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Uint8 && f.Len() > 0 {
			octets := f.Bytes()
			list = append(list, string(octets), base64.StdEncoding.EncodeToString(octets), base64.RawURLEncoding.EncodeToString(octets), hex.EncodeToString(octets))
		}
	}
	return list
}

// mutations change rows; every other operation is read-only for CloudTrail, cryptography too.
var mutations = []string{
	"CancelKeyDeletion", "CreateAccessKey", "CreateAccount", "CreateAlias", "CreateGrant", "CreateKey",
	"CreatePrincipal", "DeleteAccessKey", "DeleteAccount", "DeleteAlias", "DeletePrincipal", "DeletePrincipalPolicy",
	"DisableAccessKey", "DisableAccount", "DisableKey", "DisableKeyRotation", "DisablePrincipal", "EnableAccessKey",
	"EnableAccount", "EnableKey", "EnableKeyRotation", "EnablePrincipal", "PutKeyPolicy", "PutPrincipalPolicy",
	"ResetKeyPolicy", "RetireGrant", "RevokeGrant", "RevokeSessions", "RotateKeyOnDemand", "ScheduleKeyDeletion",
	"TagResource", "UntagResource", "UpdateAlias", "UpdateKeyDescription", "UpdatePrincipal",
}

func TestTheAuditRecordOfEveryOperationShowsWhatWasDoneAndNoSecret(t *testing.T) {
	b := newBench(t)
	told := story{t: t}
	for _, row := range ops.Table() {
		d := row.Describe()
		s := b.newSubject(d.Name)
		if d.Name == "CancelKeyDeletion" {
			must[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &s.key})
		}
		if d.Name == "UpdateAlias" {
			s.key = s.other // the alias leaves its key
		}
		in := sample(t, d.Name, s)
		if _, ok := reflect.TypeOf(in).Elem().FieldByName("EncryptionContext"); ok && d.Name != "Decrypt" {
			member(t, in, "EncryptionContext").Set(reflect.ValueOf(api.EncryptionContext{"tenant": "42"}))
		}
		before := len(b.log.all())
		out := must[any](b, d.Name, in)
		records := b.log.all()[before:]
		if len(records) != 1 {
			t.Fatalf("%s left %d records", d.Name, len(records))
		}
		told.add(d.Name, records[0])
		raw, err := json.Marshal(records[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(secrets(in), secrets(out)...) {
			if strings.Contains(string(raw), secret) {
				t.Errorf("the record of %s shows a secret", d.Name)
			}
		}
		if readOnly := records[0]["readOnly"]; readOnly != !slices.Contains(mutations, d.Name) {
			t.Errorf("the record of %s says readOnly %v", d.Name, readOnly)
		}
		if records[0]["errorCode"] != nil || (records[0]["responseElements"] == nil) == (slices.Contains(mutations, d.Name) || d.Name == "AssumeRole") {
			t.Errorf("the record of %s has error %v and response %v", d.Name, records[0]["errorCode"], records[0]["responseElements"])
		}
	}
	golden(t, "testdata/audit.txt", told.text.String())
}

func TestARefusedRequestIsRecordedWithItsError(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	off := b.newKey()
	must[any](b, "DisableKey", &api.DisableKeyInput{KeyID: &off})
	user, nobody := b.user("mallory"), kms.Caller{Account: account, ARN: mallory, PrincipalID: "AIDANOBODY", Source: "192.0.2.7", Agent: "curl"}
	told := story{t: t}
	for _, c := range []struct {
		story string
		req   kms.Request
	}{
		{"a disabled key", kms.Request{Operation: "Encrypt", Caller: b.root(), Input: sample(t, "Encrypt", subject{key: off})}},
		{"an unknown key", kms.Request{Operation: "DescribeKey", Caller: b.root(), Input: sample(t, "DescribeKey", subject{key: unknownID})}},
		{"a user who is not, or is no more", kms.Request{Operation: "TagResource", Caller: nobody, Input: sample(t, "TagResource", s)}},
		{"a user who may not", kms.Request{Operation: "TagResource", Caller: user, Input: sample(t, "TagResource", s)}},
		{"a dry run", kms.Request{Operation: "Decrypt", Caller: b.root(), Input: &api.DecryptInput{CiphertextBlob: s.blob, DryRun: new(true)}}},
		{"another context", kms.Request{Operation: "Decrypt", Caller: b.root(), Input: &api.DecryptInput{CiphertextBlob: s.blob, EncryptionContext: api.EncryptionContext{"tenant": "43"}}}},
		{"an alias that is taken", kms.Request{Operation: "CreateAlias", Caller: b.root(), Input: &api.CreateAliasInput{AliasName: &s.alias, TargetKeyID: &s.other}}},
		{"members that break the model: without parameters", kms.Request{Operation: "UpdateKeyDescription", Caller: b.root(), Input: &api.UpdateKeyDescriptionInput{KeyID: &s.key}}},
		{"a body that is no JSON: without parameters", b.ask("Encrypt", []byte(`{"KeyId":"`+s.key+`","Plaintext":"YXR0YWNr`))},
		{"a body with a number for a string: without parameters", b.ask("Encrypt", []byte(`{"KeyId":7}`))},
	} {
		if err := b.recorded(t, c.req); err == nil {
			t.Errorf("%s: it was not refused", c.story)
		}
		records := b.log.all()
		told.add(c.story, records[len(records)-1])
	}
	golden(t, "testdata/audit_refused.txt", told.text.String())
}

func TestALongRefusalIsNotRepeatedInFull(t *testing.T) {
	b := newBench(t)
	long := strings.Repeat("é", 3000)
	err := b.recorded(t, kms.Request{Operation: "DescribeKey", Caller: b.root(), Input: &api.DescribeKeyInput{KeyID: &long}})
	refused(t, err, validation)
	records := b.log.all()
	message, _ := records[len(records)-1]["errorMessage"].(string)
	if len(message) > 2100 || !strings.HasSuffix(message, "...") || records[len(records)-1]["requestParameters"] != nil {
		t.Errorf("the record repeats %d bytes of the request", len(message))
	}
}

func TestWithoutALogNothingIsAnswered(t *testing.T) {
	b := newBench(t)
	s, user := b.newSubject("app"), b.user("mallory")
	b.encrypt(s.other, "so that encryptions are reserved", nil)
	b.log.failWith(errors.New("the disk is full"))
	b.unchanged(t, func() {
		for _, row := range ops.Table() {
			d := row.Describe()
			if d.Effect == kms.Mutate {
				continue
			}
			t.Run(d.Name, func(t *testing.T) {
				out, err := b.service.Do(t.Context(), kms.Request{Operation: d.Name, Caller: b.root(), Input: sample(t, d.Name, s)})
				if out != nil {
					t.Errorf("it answered %v", out)
				}
				refused(t, err, "KMSInternalException")
				_, err = b.service.Do(t.Context(), kms.Request{Operation: d.Name, Caller: user, Input: sample(t, d.Name, s)})
				refused(t, err, "KMSInternalException")
			})
		}
	})
	b.log.failWith(nil)
	if _, err := b.decrypt(s.blob, nil); err != nil {
		t.Errorf("when the log works again: %v", err)
	}
}

func TestAChangeThatCouldNotBeLoggedStandsAndItsEventFollows(t *testing.T) {
	for _, how := range []string{"at the next start", "with the next change"} {
		t.Run(how, func(t *testing.T) {
			b := newBench(t)
			s := b.newSubject("app")
			before := len(b.log.all())
			b.log.failWith(errors.New("the disk is full"))
			for _, operation := range []string{"UpdateKeyDescription", "CreateAlias", "DisableKey"} {
				_, err := try[any](b, operation, sample(t, operation, s))
				refused(t, err, "KMSInternalException")
			}
			b.log.failWith(nil)
			if how == "at the next start" {
				b.crash()
			} else {
				must[any](b, "EnableKey", &api.EnableKeyInput{KeyID: &s.other})
			}
			var names []any
			ids := map[any]bool{}
			for _, r := range b.log.all()[before:] {
				if r["errorCode"] != nil {
					t.Errorf("%v is recorded as refused, and it was done", r["eventName"])
				}
				names, ids[r["eventID"]] = append(names, r["eventName"]), true
			}
			if len(names) < 3 || len(ids) != len(names) || !slices.Equal(names[:3], []any{"UpdateKeyDescription", "CreateAlias", "DisableKey"}) {
				t.Errorf("the log has %v", names)
			}
			if m := b.metadata(s.fresh); m.Description != "said anew" || m.Enabled {
				t.Errorf("the key is %+v, as if nothing had been done", m)
			}
			events, err := b.store.Outbox(t.Context(), 10)
			if err != nil || len(events) != 0 {
				t.Errorf("%d events still wait for the log, %v", len(events), err)
			}
		})
	}
}
