package ops_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// forging is an operation that no server has: it rewrites a key's row as the test says, so that keys which nobody can
// make yet, such as one for signing, become testable. Like any other it is authenticated and audited.
var forging = kms.Operation[*forgeInput, *api.Void]{
	Name:    "Forge",
	Effect:  kms.Mutate,
	Targets: func(in *forgeInput) []kms.Target { return []kms.Target{kms.KeyOnly(&in.key, "kms:Forge")} },
	Admit:   kms.Admit[*forgeInput]{States: []kms.StateRule{kms.StatesAny}},
	Change: func(_ context.Context, c *kms.Call, in *forgeInput) (kms.Change, *api.Void, error) {
		row := c.Key(0).Next()
		in.edit(&row)
		return kms.Change{Keys: []kms.KeyRow{row}}, &api.Void{}, nil
	},
}

type forgeInput struct {
	key  string
	edit func(*kms.KeyRow)
}

func (*forgeInput) Validate() error { return nil }

// forgery gives a bench the operation Forge.
func forgery(c *kms.Config) { c.Table = append(slices.Clone(c.Table), forging) }

// forge rewrites a key's row. The bench needs forgery.
func (b *bench) forge(key string, edit func(*kms.KeyRow)) {
	b.t.Helper()
	must[*api.Void](b, "Forge", &forgeInput{key, edit})
}

// row is a key's row in the store.
func (b *bench) row(key string) kms.KeyRow {
	b.t.Helper()
	record, err := b.store.Key(b.t.Context(), kms.KeyID(key))
	if err != nil {
		b.t.Fatal(err)
	}
	return record.Key
}

// rows is the text of everything in the store but its audit events, and of everything in the token.
func (b *bench) rows() string {
	b.t.Helper()
	ctx := b.t.Context()
	keys, err := b.store.Keys(ctx, account, "", 1<<20)
	text := describe(b.t, nil, keys, err)
	for _, k := range keys {
		record, err := b.store.Key(ctx, k.ID)
		text = describe(b.t, text, record, err)
		grants, err := b.store.Grants(ctx, k.ID, "", "", 1<<20)
		text = describe(b.t, text, grants, err)
	}
	aliases, err := b.store.Aliases(ctx, account, "", "", 1<<20)
	text = describe(b.t, text, aliases, err)
	generations, err := b.store.Generations(ctx)
	text = describe(b.t, text, generations, err)
	births, err := b.store.Births(ctx)
	text = describe(b.t, text, births, err)
	accounts, err := b.store.Accounts(ctx, "", 1<<20)
	text = describe(b.t, text, accounts, err)
	for _, a := range append(accounts, kms.AccountRow{ID: account}) {
		text = b.identities(text, a.ID)
	}
	meta, err := b.store.Meta(ctx)
	text = describe(b.t, text, meta, err)
	objects, err := b.device.Inventory(ctx)
	return string(describe(b.t, text, objects, err))
}

// identities adds the principals of an account with all that they have.
func (b *bench) identities(text []byte, account kms.AccountID) []byte {
	b.t.Helper()
	principals, err := b.store.Principals(b.t.Context(), account, "", 1<<20)
	text = describe(b.t, text, principals, err)
	for _, p := range principals {
		record, err := b.store.Principal(b.t.Context(), p.ID)
		text = describe(b.t, text, record, err)
		keys, err := b.store.AccessKeys(b.t.Context(), p.ID)
		text = describe(b.t, text, keys, err)
	}
	return text
}

func describe(t testing.TB, text []byte, value any, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(text, line...), '\n')
}

// unchanged does something that must leave the store's rows and the token's objects as they are.
func (b *bench) unchanged(t testing.TB, do func()) {
	t.Helper()
	before := b.rows()
	do()
	if after := b.rows(); after != before {
		t.Errorf("rows or objects have changed: %s", firstDifference(after, before))
	}
}

// recorded asks once and wants exactly one audit record of it, with the error's name as its code.
func (b *bench) recorded(t testing.TB, req kms.Request) error {
	t.Helper()
	before := len(b.log.all())
	_, err := b.service.Do(b.t.Context(), req)
	records := b.log.all()[before:]
	if len(records) != 1 {
		t.Fatalf("the request left %d audit records, want 1", len(records))
	}
	name, message := errorOf(err)
	code, _ := records[0]["errorCode"].(string)
	text, _ := records[0]["errorMessage"].(string)
	if records[0]["eventName"] != req.Operation || code != name || (len(message) <= 2048 && text != message) {
		t.Errorf("%v is recorded with code %q and text %q, want %q and %q", records[0]["eventName"], code, text, name, message)
	}
	return err
}
