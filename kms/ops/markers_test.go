package ops_test

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

const badMarker = "The marker is not valid."

// firstMarker is that of the first page of three.
func (l listing) firstMarker(t testing.TB, b *bench, key string) string {
	t.Helper()
	_, next, _, err := l.page(b, key, new(int32(3)), nil)
	if err != nil || next == "" {
		t.Fatalf("%s: marker %q, %v", l.operation, next, err)
	}
	return next
}

func TestAMarkerIsOfNoUseToAnotherList(t *testing.T) {
	b, key := newShelf(t)
	for _, made := range listings {
		marker := made.firstMarker(t, b, key)
		for _, used := range listings {
			if used.operation == made.operation {
				continue
			}
			_, _, _, err := used.page(b, key, nil, &marker)
			refused(t, err, "InvalidMarkerException", badMarker)
		}
		_, err := try[any](b, "ListKeyPolicies", &api.ListKeyPoliciesInput{KeyID: &key, Marker: &marker})
		refused(t, err, "InvalidMarkerException", badMarker)
	}
}

func TestAMarkerIsOfNoUseToAnotherKeyFilterOrAccount(t *testing.T) {
	b, key := newShelf(t)
	other := b.newKey()
	b.account(otherAccount)
	stranger := b.rootOf(otherAccount)
	foreign := mustAs[*api.CreateKeyOutput](b, stranger, "CreateKey", &api.CreateKeyInput{}).KeyMetadata.KeyID
	markers := map[string]*string{}
	for _, l := range listings {
		markers[l.operation] = new(l.firstMarker(t, b, key))
	}
	rotations, all := markers["ListKeyRotations"], keyspec.RotationsOnly
	grants := markers["ListGrants"]
	root := b.root()
	for name, c := range map[string]struct {
		as kms.Caller
		in kms.Input
	}{
		"ListGrants of another key":           {root, &api.ListGrantsInput{KeyID: &other, Marker: grants}},
		"ListGrants of one grantee":           {root, &api.ListGrantsInput{KeyID: &key, Marker: grants, GranteePrincipal: new(account)}},
		"ListGrants of one grant":             {root, &api.ListGrantsInput{KeyID: &key, Marker: grants, GrantID: new(b.grants(key)[0])}},
		"ListGrants in another account":       {stranger, &api.ListGrantsInput{KeyID: &foreign, Marker: grants}},
		"ListAliases of another key":          {root, &api.ListAliasesInput{KeyID: &other, Marker: markers["ListAliases"]}},
		"ListAliases of all keys":             {root, &api.ListAliasesInput{Marker: markers["ListAliases"]}},
		"ListAliases in another account":      {stranger, &api.ListAliasesInput{Marker: markers["ListAliases"]}},
		"ListKeys in another account":         {stranger, &api.ListKeysInput{Marker: markers["ListKeys"]}},
		"ListKeyRotations of another key":     {root, &api.ListKeyRotationsInput{KeyID: &other, Marker: rotations}},
		"ListKeyRotations of rotations alone": {root, &api.ListKeyRotationsInput{KeyID: &key, Marker: rotations, IncludeKeyMaterial: &all}},
		"ListResourceTags of another key":     {root, &api.ListResourceTagsInput{KeyID: &other, Marker: markers["ListResourceTags"]}},
		"ListRetirableGrants of another": {stranger, &api.ListRetirableGrantsInput{RetiringPrincipal: new(otherAccount),
			Marker: markers["ListRetirableGrants"]}},
	} {
		operation, _, _ := strings.Cut(name, " ")
		_, err := tryAs[any](b, c.as, operation, c.in)
		t.Run(name, func(t *testing.T) { refused(t, err, "InvalidMarkerException", badMarker) })
	}
}

// The lists of principals, of their policies and of who can are bound to what they are of, too.
func TestAMarkerIsOfNoUseToAnotherPrincipalKindOrAction(t *testing.T) {
	b := newBench(t)
	key, other := b.newKey(), b.newKey()
	ada, bob := b.user("ada", allow("kms:List*"), allow("kms:Encrypt")), b.user("bob", allow("kms:List*"), allow("kms:Encrypt"))
	one := new(int32(1))
	who := must[*api.WhoCanOutput](b, "WhoCan", &api.WhoCanInput{KeyID: &key, Action: new("kms:Encrypt"), Limit: one}).NextMarker
	people := must[*api.ListPrincipalsOutput](b, "ListPrincipals", &api.ListPrincipalsInput{Limit: one}).NextMarker
	policies := must[*api.ListPrincipalPoliciesOutput](b, "ListPrincipalPolicies", &api.ListPrincipalPoliciesInput{Principal: &ada.ARN, Limit: one}).NextMarker
	b.account(otherAccount)
	stranger := b.rootOf(otherAccount)
	for _, c := range []struct {
		as        kms.Caller
		operation string
		in        kms.Input
		good      bool
	}{
		{b.root(), "WhoCan", &api.WhoCanInput{KeyID: &key, Action: new("kms:Encrypt"), Marker: &who}, true},
		{b.root(), "WhoCan", &api.WhoCanInput{KeyID: &other, Action: new("kms:Encrypt"), Marker: &who}, false},
		{b.root(), "WhoCan", &api.WhoCanInput{KeyID: &key, Action: new("kms:Decrypt"), Marker: &who}, false},
		{b.root(), "ListPrincipals", &api.ListPrincipalsInput{Marker: &people}, true},
		{b.root(), "ListPrincipals", &api.ListPrincipalsInput{Kind: new("user"), Marker: &people}, false},
		{stranger, "ListPrincipals", &api.ListPrincipalsInput{Marker: &people}, false},
		{b.root(), "ListPrincipalPolicies", &api.ListPrincipalPoliciesInput{Principal: &ada.ARN, Marker: &policies}, true},
		{b.root(), "ListPrincipalPolicies", &api.ListPrincipalPoliciesInput{Principal: &bob.ARN, Marker: &policies}, false},
	} {
		_, err := tryAs[any](b, c.as, c.operation, c.in)
		if c.good && err == nil {
			continue
		}
		refused(t, err, "InvalidMarkerException", badMarker)
	}
}

func TestAMarkerThatWasCutOrAlteredIsRefused(t *testing.T) {
	b, key := newShelf(t)
	for _, l := range listings {
		good := l.firstMarker(t, b, key)
		raw, err := base64.RawURLEncoding.DecodeString(good)
		if err != nil {
			t.Fatal(err)
		}
		for at := range raw {
			altered := slices.Clone(raw)
			altered[at] ^= 1
			for _, bad := range [][]byte{altered, raw[:at]} {
				marker := base64.RawURLEncoding.EncodeToString(bad)
				if marker == "" {
					continue // which validation refuses
				}
				_, _, _, err := l.page(b, key, nil, &marker)
				refused(t, err, "InvalidMarkerException", badMarker)
			}
		}
	}
}

// FuzzMarker: whatever is sent for a marker, the answer is the end of the caller's own list, or that the marker is none; and
// one text at most is the marker of a place.
func FuzzMarker(f *testing.F) {
	b, key := newShelf(f)
	b.account(otherAccount)
	stranger := b.rootOf(otherAccount)
	foreign := mustAs[*api.CreateKeyOutput](b, stranger, "CreateKey", &api.CreateKeyInput{Tags: manyTags("x", 3)}).KeyMetadata.KeyID
	mustAs[any](b, stranger, "CreateAlias", &api.CreateAliasInput{AliasName: new("alias/b"), TargetKeyID: &foreign})
	wholes := map[string][]string{}
	for i, l := range listings {
		whole, _, _, err := l.page(b, key, nil, nil)
		if err != nil {
			f.Fatal(err)
		}
		wholes[l.operation] = whole
		for n := int32(1); n < int32(len(whole)); n++ {
			if _, next, _, err := l.page(b, key, &n, nil); err == nil {
				f.Add(uint8(i), next)
			}
		}
		f.Add(uint8(i), base64.RawURLEncoding.EncodeToString([]byte("\x00\x00\x00\x00\x00\x00\x00\x00"+whole[2])))
	}
	f.Fuzz(func(t *testing.T, which uint8, marker string) {
		b.t = t
		b.log.forget()
		l := listings[int(which)%len(listings)]
		page, _, _, err := l.page(b, key, nil, &marker)
		if err != nil {
			var e *api.Error
			if !errors.As(err, &e) || e.Name != api.InvalidMarkerException && e.Name != api.ValidationException {
				t.Fatalf("%s after %q: %v", l.operation, marker, err)
			}
			return
		}
		whole := wholes[l.operation]
		behind := len(whole) - len(page)
		if behind < 0 || !slices.Equal(page, whole[behind:]) {
			t.Fatalf("%s after %q: %q, which is no end of %q", l.operation, marker, page, whole)
		}
		raw, err := base64.RawURLEncoding.DecodeString(marker)
		if err != nil || len(raw) <= 8 || base64.RawURLEncoding.EncodeToString(raw) != marker {
			t.Fatalf("%s takes %q for a marker", l.operation, marker)
		}
	})
}
