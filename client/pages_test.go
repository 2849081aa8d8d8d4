package client_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

func TestAListIsGoneThroughPageByPage(t *testing.T) {
	b := newBench(t)
	var want, got []string
	for range 5 {
		want = append(want, b.newKey())
	}
	in := &api.ListKeysInput{Limit: new(int32(2))}
	pages := 0
	for page, err := range client.Pages[api.ListKeysOutput](t.Context(), b.client, "ListKeys", in) {
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, k := range page.Keys {
			got = append(got, k.KeyID)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if pages != 3 || !slices.Equal(got, want) || in.Marker != nil {
		t.Errorf("%d pages have %v, want %v; the request became %+v", pages, got, want, in)
	}
	before := b.audit.count("ListKeys")
	for range client.Pages[api.ListKeysOutput](t.Context(), b.client, "ListKeys", in) {
		break
	}
	if asked := b.audit.count("ListKeys") - before; asked != 1 {
		t.Errorf("who stops after a page has asked for %d", asked)
	}
}

// Every operation whose answer is a page can be gone through, and no other.
func TestEveryListHasPages(t *testing.T) {
	b := newBench(t)
	paged := 0
	s := b.newSubject("paged")
	for _, d := range rows() {
		in := samples[d.Name](s)
		_, err := pageOf(t, b, d.Name, in)
		isList := strings.HasPrefix(d.Name, "List") && d.Name != "ListAccessKeys" || d.Name == "WhoCan"
		if refused := err != nil && strings.Contains(err.Error(), "does not come in pages"); refused == isList {
			t.Errorf("%s: %v", d.Name, err)
		}
		if isList {
			paged++
		}
	}
	if paged < 10 {
		t.Errorf("only %d lists", paged)
	}
}

// pageOf asks for one page. The shape is void, because what is in it does not matter.
func pageOf(t *testing.T, b *bench, operation string, in client.Input) (*api.Void, error) {
	t.Helper()
	for page, err := range client.Pages[api.Void](t.Context(), b.client, operation, in) {
		return page, err
	}
	t.Fatalf("%s: neither a page nor an error", operation)
	return nil, nil
}

func TestPagesEndWithAnError(t *testing.T) {
	next := func(marker string) responder {
		return says(200, `{"Keys":[],"Truncated":true,"NextMarker":"`+marker+`"}`)
	}
	for name, c := range map[string]struct {
		answers []responder
		pages   int
		want    string
	}{
		"of the server":         {[]responder{next("a"), says(400, `{"__type":"InvalidMarkerException"}`)}, 1, "InvalidMarkerException"},
		"without a next marker": {[]responder{next("")}, 1, "there is more, and not where"},
		"with its own marker":   {[]responder{next("a"), next("a")}, 2, "leads back to an earlier page"},
		"in a circle":           {[]responder{next("a"), next("b"), next("c"), next("b")}, 4, "leads back to an earlier page"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{list: c.answers}
			pages := 0
			var last error
			for page, err := range client.Pages[api.ListKeysOutput](t.Context(), fake(t, a), "ListKeys", &api.ListKeysInput{}) {
				if last = err; page != nil {
					pages++
				}
			}
			var e *client.Error
			if !errors.As(last, &e) || !strings.Contains(last.Error(), c.want) || pages != c.pages || len(a.seen) != len(c.answers) {
				t.Errorf("%d pages, %d requests, then %v", pages, len(a.seen), last)
			}
		})
	}
}
