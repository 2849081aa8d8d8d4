package kmstest

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/keyhold/keyhold/kms"
)

func TestEverythingTouchesEveryMemberOfAChange(t *testing.T) {
	v := reflect.ValueOf(storeEverything())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("%s is left out", v.Type().Field(i).Name)
		}
	}
	expected := reflect.ValueOf(kms.Expectation{})
	for i := range expected.NumField() {
		if !anySets(reflect.ValueOf(storeEverything().Expect), i) {
			t.Errorf("no expectation has %s", expected.Type().Field(i).Name)
		}
	}
}

func anySets(rows reflect.Value, field int) bool {
	for i := range rows.Len() {
		if !rows.Index(i).Field(field).IsZero() {
			return true
		}
	}
	return false
}

// TestRandomRowsVaryInEveryColumn finds a column that was added to a row and not to the dice.
func TestRandomRowsVaryInEveryColumn(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, 2))}
	seen := make(map[string]map[string]bool)
	for n := range 60 {
		c, identity := d.family(n, int64(1+n%3)), d.identity(n, int64(1+n%3))
		for _, rows := range []any{
			c.Keys, c.Generations, c.Uses, c.Policies, c.Tags, c.Aliases, identity.Accounts, identity.Principals,
			identity.PrincipalPolicies, identity.AccessKeys, identity.SessionKeys, []kms.GrantRow{d.grant(n, n, int64(1+n%3))},
		} {
			note(seen, reflect.ValueOf(rows))
		}
	}
	for column, values := range seen {
		if len(values) < 2 && column != "AliasRow.Account" {
			t.Errorf("%s is always the same", column)
		}
	}
}

func note(seen map[string]map[string]bool, rows reflect.Value) {
	for i := range rows.Len() {
		row := rows.Index(i)
		for j := range row.NumField() {
			name := row.Type().Name() + "." + row.Type().Field(j).Name
			if seen[name] == nil {
				seen[name] = make(map[string]bool)
			}
			seen[name][fmt.Sprint(row.Field(j).Interface())] = true
		}
	}
}
