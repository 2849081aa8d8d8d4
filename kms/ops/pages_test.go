package ops_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
)

// listing is a list that comes in pages.
type listing struct {
	operation string
	most      int // the most entries of a page, whatever the limit
	byDefault int
	page      func(b *bench, key string, limit *int32, marker *string) (entries []string, next string, truncated bool, err error)
}

var listings = []listing{
	{"ListKeys", 1000, 100, func(b *bench, _ string, limit *int32, marker *string) ([]string, string, bool, error) {
		out, err := try[*api.ListKeysOutput](b, "ListKeys", &api.ListKeysInput{Limit: limit, Marker: marker})
		if err != nil {
			return nil, "", false, err
		}
		return texts(out.Keys, func(e api.KeyListEntry) string { return e.KeyID }), out.NextMarker, out.Truncated, nil
	}},
	{"ListAliases", 100, 50, func(b *bench, key string, limit *int32, marker *string) ([]string, string, bool, error) {
		in := &api.ListAliasesInput{Limit: limit, Marker: marker}
		if key != "" {
			in.KeyID = &key
		}
		out, err := try[*api.ListAliasesOutput](b, "ListAliases", in)
		if err != nil {
			return nil, "", false, err
		}
		return texts(out.Aliases, func(e api.AliasListEntry) string { return e.AliasName }), out.NextMarker, out.Truncated, nil
	}},
	{"ListKeyRotations", 1000, 100, func(b *bench, key string, limit *int32, marker *string) ([]string, string, bool, error) {
		in := &api.ListKeyRotationsInput{KeyID: &key, Limit: limit, Marker: marker, IncludeKeyMaterial: new(keyspec.AllKeyMaterial)}
		out, err := try[*api.ListKeyRotationsOutput](b, "ListKeyRotations", in)
		if err != nil {
			return nil, "", false, err
		}
		return texts(out.Rotations, func(e api.RotationsListEntry) string { return e.KeyMaterialID }), out.NextMarker, out.Truncated, nil
	}},
	{"ListResourceTags", 50, 50, func(b *bench, key string, limit *int32, marker *string) ([]string, string, bool, error) {
		out, err := try[*api.ListResourceTagsOutput](b, "ListResourceTags", &api.ListResourceTagsInput{KeyID: &key, Limit: limit, Marker: marker})
		if err != nil {
			return nil, "", false, err
		}
		return texts(out.Tags, api.Tag.Key), out.NextMarker, out.Truncated, nil
	}},
	{"ListGrants", 100, 50, func(b *bench, key string, limit *int32, marker *string) ([]string, string, bool, error) {
		out, err := try[*api.ListGrantsOutput](b, "ListGrants", &api.ListGrantsInput{KeyID: &key, Limit: limit, Marker: marker})
		if err != nil {
			return nil, "", false, err
		}
		return texts(out.Grants, func(e api.GrantListEntry) string { return e.GrantID }), out.NextMarker, out.Truncated, nil
	}},
	{"ListRetirableGrants", 100, 50, func(b *bench, _ string, limit *int32, marker *string) ([]string, string, bool, error) {
		out, err := try[*api.ListRetirableGrantsOutput](b, "ListRetirableGrants",
			&api.ListRetirableGrantsInput{RetiringPrincipal: new(account), Limit: limit, Marker: marker})
		if err != nil {
			return nil, "", false, err
		}
		return texts(out.Grants, func(e api.GrantListEntry) string { return e.GrantID }), out.NextMarker, out.Truncated, nil
	}},
}

func texts[T any](entries []T, text func(T) string) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = text(e)
	}
	return list
}

// walk reads a list to its end, in pages of limit, and calls between after every page but the last.
func (l listing) walk(t *testing.T, b *bench, key string, limit int32, between func(page int)) []string {
	t.Helper()
	var all []string
	var marker *string
	for page := 1; page < 10_000; page++ {
		entries, next, truncated, err := l.page(b, key, &limit, marker)
		if err != nil {
			t.Fatal(err)
		}
		if truncated != (next != "") || len(entries) > int(limit) || truncated && len(entries) == 0 {
			t.Fatalf("page %d of %d entries is truncated: %v, its marker is %q", page, len(entries), truncated, next)
		}
		all = append(all, entries...)
		if !truncated {
			return all
		}
		marker = &next
		if between != nil {
			between(page)
		}
	}
	t.Fatal("the list has no end")
	return nil
}

// newShelf is a bench with seven entries in each list.
func newShelf(t testing.TB) (*bench, string) {
	b := newBench(t)
	key := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Tags: manyTags("t", 7)}).KeyMetadata.KeyID
	for n := range 6 {
		b.newKey()
		must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
		b.newAlias(fmt.Sprintf("alias/app-%c", 'b'+2*n), key)
		b.grant(key, account, "Encrypt", retiredBy(account))
	}
	b.grant(key, account, "Encrypt", retiredBy(account))
	b.newAlias("alias/z", key)
	return b, key
}

func TestAListIsTheSameInPagesOfEverySize(t *testing.T) {
	b, key := newShelf(t)
	for _, l := range listings {
		t.Run(l.operation, func(t *testing.T) {
			whole, next, truncated, err := l.page(b, key, nil, nil)
			if err != nil || next != "" || truncated || len(whole) != 7 {
				t.Fatalf("the whole list: %q, marker %q, truncated %v, %v", whole, next, truncated, err)
			}
			for _, limit := range []int32{1, 2, 3, 6, 7, 8, 50, 100, 999, 1000} {
				if got := l.walk(t, b, key, limit, nil); !slices.Equal(got, whole) {
					t.Errorf("in pages of %d it is %q, want %q", limit, got, whole)
				}
			}
		})
	}
}

func TestALimitOutsideTheModelIsRefused(t *testing.T) {
	b, key := newShelf(t)
	for _, l := range listings {
		for limit, constraint := range map[int32]string{
			0: "Member must have value greater than or equal to 1", -1: "Member must have value greater than or equal to 1",
			1001: "Member must have value less than or equal to 1000", 1<<31 - 1: "Member must have value less than or equal to 1000",
		} {
			_, _, _, err := l.page(b, key, &limit, nil)
			refused(t, err, validation, fmt.Sprintf("%sValue '%d' at 'limit' failed to satisfy constraint: %s", one, limit, constraint))
		}
	}
}

func TestAPageHoldsNoMoreThanItsOperationAllows(t *testing.T) {
	b := newBench(t)
	b.stockKeys(1001)
	keys := []string{b.newKey(), b.newKey(), b.newKey()}
	for n := range 101 {
		b.newAlias(fmt.Sprintf("alias/app-%03d", n), keys[n/50])
	}
	must[any](b, "TagResource", &api.TagResourceInput{KeyID: &keys[0], Tags: manyTags("t", 50)})
	for range 101 {
		b.grant(keys[0], account, "Encrypt", retiredBy(account))
	}
	for _, l := range listings {
		if l.operation == "ListKeyRotations" {
			continue // a thousand generations are made nowhere
		}
		key := keys[0]
		if l.operation == "ListAliases" {
			key = ""
		}
		for _, limit := range []*int32{nil, new(int32(l.most)), new(int32(1000))} {
			want := l.most
			if limit == nil {
				want = l.byDefault
			}
			entries, next, truncated, err := l.page(b, key, limit, nil)
			if err != nil || len(entries) != want || truncated != (next != "") || truncated != (l.operation != "ListResourceTags") {
				t.Errorf("%s: %d entries, truncated %v, marker %q, %v; want %d", l.operation, len(entries), truncated, next, err, want)
			}
		}
	}
}

// stockKeys puts rows of keys into the store: a list shows rows, and asks nothing of the keys.
func (b *bench) stockKeys(n int) {
	b.t.Helper()
	var change kms.Change
	for i := range n {
		change.Keys = append(change.Keys, kms.KeyRow{
			ID: kms.KeyID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)), Account: account, Rev: 1, State: keyspec.StateEnabled, Manager: keyspec.ManagerCustomer, MAC: []byte{0},
		})
	}
	if err := b.store.Apply(b.t.Context(), change); err != nil {
		b.t.Fatal(err)
	}
}

func TestAMarkerThatNobodyMadeIsRefused(t *testing.T) {
	b, key := newShelf(t)
	for _, l := range listings {
		_, good, _, err := l.page(b, key, new(int32(3)), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(l.operation, func(t *testing.T) {
			for _, bad := range []string{
				"x", "0", " ", "null", key, good + "=", good + " ", " " + good, good[1:], strings.ToLower(good), "+" + good[1:],
				base64.RawURLEncoding.EncodeToString([]byte("2:x")), base64.RawURLEncoding.EncodeToString([]byte("1:")), base64.RawURLEncoding.EncodeToString(nil) + "AA",
				base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)), strings.Repeat("A", 1024),
			} {
				_, _, _, err := l.page(b, key, nil, &bad)
				refused(t, err, "InvalidMarkerException", "The marker is not valid.")
			}
			for bad, constraint := range map[string]string{
				"":                        "Member must have length greater than or equal to 1",
				strings.Repeat("A", 1025): "Member must have length less than or equal to 1024",
				"ж":                       `Member must satisfy regular expression pattern: [\u0020-\u00FF]*`,
			} {
				_, _, _, err := l.page(b, key, nil, &bad)
				refused(t, err, validation, one+"Value '"+bad+"' at 'marker' failed to satisfy constraint: "+constraint)
			}
		})
	}
}

func TestAListThatGrowsWhileItIsReadRepeatsAndLosesNothing(t *testing.T) {
	grow := map[string]func(b *bench, key string, page int){
		"ListKeys": func(b *bench, _ string, _ int) { b.newKey() },
		"ListAliases": func(b *bench, key string, page int) {
			b.newAlias("alias/app-"+string(rune('a'+2*(page-1))), key) // behind what has been read
			b.newAlias("alias/app-z"+string(rune('a'+page)), key)      // still to come
		},
		"ListKeyRotations": func(b *bench, key string, page int) {
			if page <= 3 {
				must[any](b, "RotateKeyOnDemand", &api.RotateKeyOnDemandInput{KeyID: &key})
			}
		},
		"ListResourceTags": func(b *bench, key string, page int) {
			if page <= 3 {
				must[any](b, "TagResource", &api.TagResourceInput{KeyID: &key, Tags: manyTags(fmt.Sprint("new-", page), 1)})
			}
		},
	}
	grow["ListGrants"] = func(b *bench, key string, _ int) { b.grant(key, account, "Encrypt", retiredBy(account)) }
	grow["ListRetirableGrants"] = grow["ListGrants"]
	comes := map[string]int{"ListAliases": 3, "ListKeyRotations": 3, "ListResourceTags": 3}
	for _, l := range listings {
		t.Run(l.operation, func(t *testing.T) {
			b, key := newShelf(t)
			before, _, _, err := l.page(b, key, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			seen := l.walk(t, b, key, 2, func(page int) {
				if page <= 3 {
					grow[l.operation](b, key, page)
				}
			})
			if sorted := slices.Compact(slices.Sorted(slices.Values(seen))); len(sorted) != len(seen) {
				t.Errorf("an entry came twice: %q", seen)
			}
			for _, e := range before {
				if !slices.Contains(seen, e) {
					t.Errorf("%s was there all the time and never came", e)
				}
			}
			if want := comes[l.operation]; want > 0 && len(seen) != len(before)+want {
				t.Errorf("%d entries came, want the %d from before and %d that were put ahead of the reader", len(seen), len(before), want)
			}
		})
	}
}

func TestAListThatShrinksWhileItIsReadGoesOn(t *testing.T) {
	b, key := newShelf(t)
	tags := listings[3].walk(t, b, key, 3, func(page int) { b.untag(key, fmt.Sprintf("t-%02d", 3*page-1)) }) // the last one read
	if len(tags) != 7 {
		t.Errorf("tags: %q", tags)
	}
	aliases := listings[1].walk(t, b, key, 1, func(page int) {
		if err := b.deleteAlias(fmt.Sprintf("alias/app-%c", 'b'+2*(page-1))); err != nil {
			t.Error(err)
		}
	})
	if len(aliases) != 7 {
		t.Errorf("aliases: %q", aliases)
	}
}

func TestAnEmptyListIsAListOnTheWire(t *testing.T) {
	b := newBench(t)
	if got := mustEncode(t, must[any](b, "ListKeys", &api.ListKeysInput{})); got != `{"Keys":[],"Truncated":false}` {
		t.Error(got)
	}
	key := b.newKey()
	for operation, want := range map[string]string{
		"ListAliases": `{"Aliases":[],"Truncated":false}`, "ListKeyRotations": `{"Rotations":[],"Truncated":false}`,
		"ListResourceTags": `{"Tags":[],"Truncated":false}`, "ListGrants": `{"Grants":[],"Truncated":false}`,
		"ListRetirableGrants": `{"Grants":[],"Truncated":false}`,
	} {
		if got := mustEncode(t, must[any](b, operation, sample(t, operation, subject{key: key}))); got != want {
			t.Errorf("%s: %s, want %s", operation, got, want)
		}
	}
}

func TestListAliasesOfAKeyListsThoseOfTheKey(t *testing.T) {
	b := newBench(t)
	key, other := b.newKey(), b.newKey()
	for n := range 3 {
		b.newAlias(fmt.Sprintf("alias/%d-mine", n), key)
		b.newAlias(fmt.Sprintf("alias/%d-other", n), other)
	}
	if got := listings[1].walk(t, b, key, 1, nil); !slices.Equal(got, []string{"alias/0-mine", "alias/1-mine", "alias/2-mine"}) {
		t.Errorf("the key's aliases are %q", got)
	}
	if got := listings[1].walk(t, b, "", 2, nil); len(got) != 6 || !slices.IsSorted(got) {
		t.Errorf("all aliases are %q", got)
	}
}
