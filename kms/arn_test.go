package kms

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

const (
	anID      = "1234abcd-12ab-44cd-a6ef-1234567890ab"
	anAccount = "111122223333"
	theirs    = "444455556666"
)

var here = Realm{Region: "eu-central-1"}

func TestAKeyIsNamedByIDOrARNOrAlias(t *testing.T) {
	const arn = "arn:aws:kms:eu-central-1:"
	cases := []struct {
		name, ref string
		want      keyRef
		refusal   *api.Error
	}{
		{"an id", anID, keyRef{Account: anAccount, ID: anID}, nil},
		{"an id in upper case is one, of no key", strings.ToUpper(anID), keyRef{Account: anAccount, ID: KeyID(strings.ToUpper(anID))}, nil},
		{"an id of a multi-Region key", "mrk-" + strings.Repeat("0a", 16), keyRef{Account: anAccount, ID: KeyID("mrk-" + strings.Repeat("0a", 16))}, nil},
		{"an alias", "alias/app", keyRef{Account: anAccount, Alias: "alias/app"}, nil},
		{"an alias with slashes", "alias/a/b", keyRef{Account: anAccount, Alias: "alias/a/b"}, nil},
		{"an alias of AWS", "alias/aws/s3", keyRef{Account: anAccount, Alias: "alias/aws/s3"}, nil},
		{"a key ARN", arn + anAccount + ":key/" + anID, keyRef{Account: anAccount, ID: anID}, nil},
		{"a key ARN of another account", arn + theirs + ":key/" + anID, keyRef{Account: theirs, ID: anID}, nil},
		{"an alias ARN", arn + anAccount + ":alias/app", keyRef{Account: anAccount, Alias: "alias/app"}, nil},
		{"an alias ARN of another account", arn + theirs + ":alias/a:b", keyRef{Account: theirs, Alias: "alias/a:b"}, nil},
		{"nothing", "", keyRef{}, api.InvalidKeyID("")},
		{"a word", "nonsense", keyRef{}, api.InvalidKeyID("nonsense")},
		{"an id too short", anID[1:], keyRef{}, api.InvalidKeyID(anID[1:])},
		{"an id with a blank", anID[:35] + " ", keyRef{}, api.InvalidKeyID(anID[:35] + " ")},
		{"an id with a line feed", anID + "\n", keyRef{}, api.InvalidKeyID(anID + "\n")},
		{"an id with a digit of another script", anID[:33] + "\u0661a", keyRef{}, api.InvalidKeyID(anID[:33] + "\u0661a")},
		{"an id without dashes", strings.ReplaceAll(anID, "-", ""), keyRef{}, api.InvalidKeyID(strings.ReplaceAll(anID, "-", ""))},
		{"a multi-Region id too long", "mrk-" + strings.Repeat("0a", 16) + "0", keyRef{}, api.InvalidKeyID("mrk-" + strings.Repeat("0a", 16) + "0")},
		{"an alias in upper case", "ALIAS/app", keyRef{}, api.InvalidKeyID("ALIAS/app")},
		{"a key with a prefix", "key/" + anID, keyRef{}, api.InvalidKeyID("key/" + anID)},
		{"an ARN in upper case", strings.ToUpper(arn) + anAccount + ":key/" + anID, keyRef{}, api.InvalidKeyID(strings.ToUpper(arn) + anAccount + ":key/" + anID)},
		{"an ARN cut short", "arn:aws:kms:eu-central-1:" + anAccount, keyRef{}, api.InvalidARN("arn:aws:kms:eu-central-1:" + anAccount)},
		{"an ARN of another service", "arn:aws:s3:eu-central-1:" + anAccount + ":key/" + anID, keyRef{}, api.InvalidARN("arn:aws:s3:eu-central-1:" + anAccount + ":key/" + anID)},
		{"an ARN without account", arn + ":key/" + anID, keyRef{}, api.InvalidARN(arn + ":key/" + anID)},
		{"an ARN with an account of 11 digits", arn + anAccount[1:] + ":key/" + anID, keyRef{}, api.InvalidARN(arn + anAccount[1:] + ":key/" + anID)},
		{"an ARN of something else", arn + anAccount + ":grant/" + anID, keyRef{}, api.InvalidARN(arn + anAccount + ":grant/" + anID)},
		{"an ARN of no key", arn + anAccount + ":key/", keyRef{}, api.InvalidKeyIDInARN("")},
		{"an ARN of an alias that pretends to be a key", arn + anAccount + ":key/alias/app", keyRef{}, api.InvalidKeyIDInARN("alias/app")},
		{"an ARN of a key in a folder", arn + anAccount + ":key/a/" + anID, keyRef{}, api.InvalidKeyIDInARN("a/" + anID)},
		{"an ARN of another region", "arn:aws:kms:us-east-1:" + anAccount + ":key/" + anID, keyRef{}, api.InvalidARNRegion("us-east-1")},
		{"an ARN of another partition", "arn:aws-cn:kms:eu-central-1:" + anAccount + ":key/" + anID, keyRef{}, api.InvalidARNRegion("eu-central-1")},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := here.parseKeyRef(tc.ref, anAccount)
			var wire *api.Error
			switch {
			case tc.refusal == nil && (err != nil || got != tc.want):
				t.Errorf("%q is %+v, %v; want %+v", tc.ref, got, err, tc.want)
			case tc.refusal != nil && (!errors.As(err, &wire) || wire.Name != tc.refusal.Name || wire.Message != tc.refusal.Message || got != keyRef{}):
				t.Errorf("%q is %+v, %v; want %v", tc.ref, got, err, tc.refusal)
			}
		})
	}
}

func TestARealmOfAnotherPartitionHasARNsOfItsOwn(t *testing.T) {
	china := Realm{Partition: "aws-cn", Region: "cn-north-1"}
	arn := china.KeyARN(anAccount, anID)
	if arn != "arn:aws-cn:kms:cn-north-1:"+anAccount+":key/"+anID || china.RootARN(anAccount) != "arn:aws-cn:iam::"+anAccount+":root" {
		t.Errorf("got %s and %s", arn, china.RootARN(anAccount))
	}
	if ref, err := china.parseKeyRef(arn, theirs); err != nil || ref != (keyRef{Account: anAccount, ID: anID}) {
		t.Errorf("got %+v, %v", ref, err)
	}
	if _, err := here.parseKeyRef(arn, theirs); err == nil {
		t.Error("another realm takes it")
	}
}

// brokenReader is a source of randomness that has failed.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestIDsAreVersion4UUIDsOrNone(t *testing.T) {
	if id, err := NewKeyID(brokenReader{}); err == nil || id != "" {
		t.Errorf("without randomness the id is %q, %v", id, err)
	}
	id, err := NewKeyID(strings.NewReader(strings.Repeat("\xff", 16)))
	if err != nil || id != "ffffffff-ffff-4fff-bfff-ffffffffffff" {
		t.Errorf("got %s, %v", id, err)
	}
	for _, other := range []KeyID{"", KeyID(anID[1:]), KeyID(strings.ToUpper(anID)), "1234abcd12ab-44cd-a6ef-1234567890ab-", "mrk-1234"} {
		if _, ok := other.octets(); ok {
			t.Errorf("%q is canonical", other)
		}
	}
}

func FuzzKeyRef(f *testing.F) {
	for _, s := range []string{anID, "mrk-" + strings.Repeat("0a", 16), "alias/app", "arn:aws:kms:eu-central-1:" + anAccount + ":key/" + anID,
		"arn:aws:kms:eu-central-1:" + anAccount + ":alias/app", "arn:aws:kms:eu-central-1:" + anAccount + ":key/alias/app", "arn:::::", "alias/", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := here.parseKeyRef(s, anAccount)
		if err != nil {
			var wire *api.Error
			if !errors.As(err, &wire) || ref != (keyRef{}) {
				t.Fatalf("%q: %+v, %v", s, ref, err)
			}
			return
		}
		if (ref.ID == "") == (ref.Alias == "") || !isAccount(string(ref.Account)) {
			t.Fatalf("%q is %+v", s, ref)
		}
		// What is refused as an alias before any look-up, and what is looked up as one, must be the same.
		if isAliasRef(s) != (ref.Alias != "") {
			t.Fatalf("%q is %+v, and an alias: %v", s, ref, isAliasRef(s))
		}
		short, arn := string(ref.ID)+ref.Alias, here.KeyARN(ref.Account, ref.ID)
		if ref.Alias != "" {
			arn = here.AliasARN(ref.Account, ref.Alias)
		}
		if s != arn && (s != short || ref.Account != anAccount) {
			t.Fatalf("%q is %+v, which is written %q or %q", s, ref, short, arn)
		}
		if again, err := here.parseKeyRef(arn, theirs); err != nil || again != ref {
			t.Fatalf("%q is %+v, and its ARN %q is %+v, %v", s, ref, arn, again, err)
		}
		if u, canonical := ref.ID.octets(); canonical && keyIDOf(u) != ref.ID {
			t.Fatalf("%q comes back as %q", ref.ID, keyIDOf(u))
		}
	})
}

// FuzzPrincipalARN: what is read of a principal's ARN is all of it.
func FuzzPrincipalARN(f *testing.F) {
	for _, s := range []string{"arn:aws:iam::" + anAccount + ":root", "arn:aws:iam::" + anAccount + ":user/ada", "arn:aws:iam::" + anAccount + ":role/a/b/app",
		"arn:aws:sts::" + anAccount + ":assumed-role/app/one", "arn:aws:sts::" + anAccount + ":assumed-role/app/one/two", "arn:aws:iam::" + anAccount + ":group/all",
		"arn:aws:iam::" + anAccount + ":user//", "arn:aws:iam:eu-central-1:" + anAccount + ":root", "arn:aws-cn:iam::" + anAccount + ":root", "arn:::::", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := here.parsePrincipalARN(s)
		if err != nil {
			if ref != (principalRef{}) || !errors.Is(err, errPrincipalARN) {
				t.Fatalf("%q: %+v, %v", s, ref, err)
			}
			return
		}
		arn := here.PrincipalARN(ref.account, ref.kind, ref.path, ref.name)
		switch {
		case ref.root:
			arn = here.RootARN(ref.account)
		case ref.session != "":
			arn = (&Principal{row: PrincipalRow{Account: ref.account, Kind: ref.kind, Name: ref.name}}).SessionARN(here, ref.session)
		}
		if arn != s || !isAccount(string(ref.account)) || ref.root != (ref.name == "") {
			t.Fatalf("%q is %+v, which is written %q", s, ref, arn)
		}
	})
}
