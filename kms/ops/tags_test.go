package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/api"
)

// tag asks for tags "key=value ..." and answers the error.
func (b *bench) tag(key, tags string) error {
	b.t.Helper()
	in := &api.TagResourceInput{KeyID: &key, Tags: []api.Tag{}}
	for pair := range strings.FieldsSeq(tags) {
		name, value, _ := strings.Cut(pair, "=")
		in.Tags = append(in.Tags, api.NewTag(name, value))
	}
	_, err := try[*api.TagResourceOutput](b, "TagResource", in)
	return err
}

func (b *bench) untag(key string, names ...string) {
	b.t.Helper()
	must[*api.UntagResourceOutput](b, "UntagResource", &api.UntagResourceInput{KeyID: &key, TagKeys: names})
}

// tags are a key's tags as "key=value ...", in the order of the list.
func (b *bench) tags(key string) string {
	b.t.Helper()
	var list []string
	for _, t := range must[*api.ListResourceTagsOutput](b, "ListResourceTags", &api.ListResourceTagsInput{KeyID: &key}).Tags {
		list = append(list, t.Key()+"="+t.Value())
	}
	return strings.Join(list, " ")
}

func TestTagsKeepTheOrderInWhichTheyWereFirstSet(t *testing.T) {
	b := newBench(t)
	key := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Tags: []api.Tag{api.NewTag("zone", "1"), api.NewTag("app", "x")}}).KeyMetadata.KeyID
	for _, step := range []struct{ do, tags, want string }{
		{"as created", "", "zone=1 app=x"},
		{"two more", "team=blue Team=red", "zone=1 app=x team=blue Team=red"},
		{"a value replaced in its place", "app=y", "zone=1 app=y team=blue Team=red"},
		{"one replaced and one new, in one request", "new=1 zone=", "zone= app=y team=blue Team=red new=1"},
		{"one removed", "-app", "zone= team=blue Team=red new=1"},
		{"and set again, at the end", "app=z", "zone= team=blue Team=red new=1 app=z"},
		{"the last removed and another set", "-app", "zone= team=blue Team=red new=1"},
		{"one that was never there removed", "-nobody", "zone= team=blue Team=red new=1"},
		{"several removed", "-new,zone,Team", "team=blue"},
		{"all removed", "-team", ""},
		{"and the first again", "one=1", "one=1"},
	} {
		if names, ok := strings.CutPrefix(step.tags, "-"); ok {
			b.untag(key, strings.Split(names, ",")...)
		} else if err := b.tag(key, step.tags); err != nil {
			t.Fatalf("%s: %v", step.do, err)
		}
		if got := b.tags(key); got != step.want {
			t.Errorf("%s: %q, want %q", step.do, got, step.want)
		}
	}
	b.reopen()
	if got := b.tags(key); got != "one=1" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestAKeyHasNoMoreThan50Tags(t *testing.T) {
	b := newBench(t)
	_, err := try[any](b, "CreateKey", &api.CreateKeyInput{Tags: manyTags("t", 51)})
	refused(t, err, tagError, "Too many tags")
	key := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Tags: manyTags("t", 48)}).KeyMetadata.KeyID
	refused(t, b.tag(key, "a=1 b=2 c=3"), tagError, "Too many tags")
	if err := b.tag(key, "a=1 b=2"); err != nil {
		t.Fatalf("the 50th tag: %v", err)
	}
	b.unchanged(t, func() {
		refused(t, b.tag(key, "c=3"), tagError, "Too many tags")
		refused(t, b.tag(key, "a=2 c=3"), tagError, "Too many tags")
	})
	if err := b.tag(key, "a=2 t-00=w"); err != nil {
		t.Errorf("new values for old tags of a full key: %v", err)
	}
	b.untag(key, "t-47")
	if err := b.tag(key, "c=3"); err != nil {
		t.Errorf("a tag where there is room again: %v", err)
	}
	if got := len(strings.Fields(b.tags(key))); got != 50 {
		t.Errorf("the key has %d tags", got)
	}
}

func TestTagsOfAWSAndTagsTwiceAreRefused(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	b.unchanged(t, func() {
		for _, name := range []string{"aws:", "aws:x", "AWS:x", "Aws:cloudformation:stack", "aWS:"} {
			refused(t, b.tag(key, name+"=1"), tagError, "Tags beginning with aws: are reserved")
			refused(t, b.tag(key, "fine=1 "+name+"=1"), tagError, "Tags beginning with aws: are reserved")
			_, err := try[any](b, "CreateKey", &api.CreateKeyInput{Tags: []api.Tag{api.NewTag(name, "")}})
			refused(t, err, tagError, "Tags beginning with aws: are reserved")
		}
		refused(t, b.tag(key, "a=1 b=2 a=1"), tagError, "Duplicate tag keys")
		_, err := try[any](b, "CreateKey", &api.CreateKeyInput{Tags: []api.Tag{api.NewTag("a", "1"), api.NewTag("a", "2")}})
		refused(t, err, tagError, "Duplicate tag keys")
	})
	if err := b.tag(key, "aws=1 awsx=2 xaws:=3 a=4 A=5 ключ=6"); err != nil {
		t.Errorf("tags that only look reserved or double: %v", err)
	}
}

func TestTagsMayBeAsLongAsAWSSays(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	for _, c := range []struct {
		name, value, refusal string
	}{
		{strings.Repeat("k", 128), strings.Repeat("v", 256), ""},
		{strings.Repeat("😀", 64), strings.Repeat("😀", 128), ""}, // two UTF-16 code units each
		{strings.Repeat("k", 129), "v", fmt.Sprintf("Value '%s' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 128", strings.Repeat("k", 129))},
		{"k", strings.Repeat("v", 257), fmt.Sprintf("Value '%s' at 'tags.1.member.tagValue' failed to satisfy constraint: Member must have length less than or equal to 256", strings.Repeat("v", 257))},
		{"", "v", "Value '' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	} {
		_, err := try[any](b, "TagResource", &api.TagResourceInput{KeyID: &key, Tags: []api.Tag{api.NewTag(c.name, c.value)}})
		if c.refusal == "" {
			if err != nil {
				t.Errorf("%d and %d octets: %v", len(c.name), len(c.value), err)
			}
			continue
		}
		refused(t, err, validation, one+c.refusal)
	}
}
