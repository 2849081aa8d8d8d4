package kmstest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/keyhold/keyhold/kms"
)

// storeAll is more rows than any case of the suite makes.
const storeAll = 1 << 20

// shelf is a store under test.
type shelf struct {
	t *testing.T
	kms.Store
}

func (s shelf) ctx() context.Context { return s.t.Context() }

func (s shelf) must(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

// mustBe compares errors by class; nil wants success.
func (s shelf) mustBe(what string, err, want error) {
	s.t.Helper()
	if !errors.Is(err, want) {
		s.t.Fatalf("%s: got %v, want %v", what, err, want)
	}
}

func (s shelf) apply(c kms.Change) {
	s.t.Helper()
	s.must("apply a change", s.Apply(s.ctx(), c))
}

// equal compares rows; an empty blob and a missing one are the same.
func (s shelf) equal(what string, got, want any) {
	s.t.Helper()
	got, want = canonical(got), canonical(want)
	if !reflect.DeepEqual(got, want) {
		s.t.Fatalf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// canonical is a copy of v with every empty slice made nil.
func canonical(v any) any {
	if v == nil {
		return nil
	}
	out := reflect.New(reflect.TypeOf(v)).Elem()
	copyCanonical(out, reflect.ValueOf(v))
	return out.Interface()
}

func copyCanonical(dst, src reflect.Value) {
	switch src.Kind() {
	case reflect.Struct:
		for i := range src.NumField() {
			copyCanonical(dst.Field(i), src.Field(i))
		}
	case reflect.Slice:
		if src.Len() == 0 {
			return
		}
		dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
		for i := range src.Len() {
			copyCanonical(dst.Index(i), src.Index(i))
		}
	default:
		dst.Set(src)
	}
}
