package ops_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// stories say for every operation what can be wrong with a request, the first to be answered first. The order is the
// one observed of AWS: members, an alias where none is taken, which key, who asks, parameters, usage, origin, state,
// algorithm, and last the work. Among parameters AWS's order is not known.
var stories = []struct {
	operation string
	without   string // a member that is left out
	order     []string
}{
	{"CancelKeyDeletion", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "an enabled key"}},
	{"CreateAlias", "", []string{"a blank in the alias", "an alias as the target", "an unknown target", "a caller who may not",
		"an alias without prefix", "an alias of AWS", "a key pending deletion", "an alias that exists", "50 aliases"}},
	{"CreateKey", "", []string{"a tag without value", "a caller who may not, of no key", "both specs", "a spec without usage",
		"a symmetric key for signing", "a tag twice", "51 tags", "a tag of AWS", "a spec that is not served", "an origin that is not served",
		"a custom key store", "an external key", "many Regions", "a policy that locks out"}},
	{"Decrypt", "", []string{"an empty grant token", "an unknown key", "a caller who may not", "no ciphertext of ours", "another key's",
		"a recipient", "a key for signing", "a disabled key", "a key pending deletion", "an RSA algorithm", "another context"}},
	{"Decrypt", "KeyId", []string{"an empty grant token", "nothing but a string", "a ciphertext of an unknown key",
		"a caller who may not, by content", "a recipient", "a key for signing", "a disabled key", "a key pending deletion",
		"an RSA algorithm", "another context"}},
	{"DeleteAlias", "", []string{"a blank in the alias", "an unknown alias", "a caller who may not, of the old key"}},
	{"DescribeKey", "", []string{"an empty grant token", "an unknown key", "a caller who may not"}},
	{"DisableKey", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"DisableKeyRotation", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "imported key material",
		"a disabled key", "a key pending deletion"}},
	{"EnableKey", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"EnableKeyRotation", "", []string{"a period of 89 days", "an alias of the key", "an unknown key", "a caller who may not",
		"imported key material", "a disabled key", "a key pending deletion"}},
	{"Encrypt", "", []string{"an empty grant token", "an unknown key", "a caller who may not", "a key for signing", "a disabled key",
		"a key pending deletion", "an RSA algorithm"}},
	{"GenerateDataKey", "", []string{"an empty grant token", "an unknown key", "a caller who may not", "both sizes",
		"neither size", "a recipient", "a key for signing", "a disabled key", "a key pending deletion"}},
	{"GenerateDataKeyWithoutPlaintext", "", []string{"an empty grant token", "an unknown key", "a caller who may not", "both sizes",
		"neither size", "a key for signing", "a disabled key", "a key pending deletion"}},
	{"GenerateRandom", "", []string{"a length of 0", "a caller who may not, of no key", "no length", "a custom key store", "a recipient"}},
	{"GetKeyRotationStatus", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "imported key material"}},
	{"ListAliases", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not, of no key", "a marker nobody made"}},
	{"ListKeyRotations", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not", "a marker nobody made"}},
	{"ListKeys", "", []string{"a limit of 0", "a caller who may not, of no key", "a marker nobody made"}},
	{"ListResourceTags", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not", "a marker nobody made"}},
	{"ReEncrypt", "", []string{"an empty grant token", "an unknown source", "an unknown destination", "a caller who may not",
		"no ciphertext of ours", "another key's", "a key for signing", "a destination for signing", "a disabled key", "a key pending deletion",
		"a disabled destination", "a doomed destination", "an RSA source algorithm", "an RSA destination algorithm", "another source context"}},
	{"ReEncrypt", "SourceKeyId", []string{"an empty grant token", "nothing but a string", "a ciphertext of an unknown key",
		"an unknown destination", "a caller who may not, by content", "a key for signing", "a destination for signing", "a disabled key",
		"a key pending deletion", "a disabled destination", "an RSA source algorithm", "an RSA destination algorithm", "another source context"}},
	{"RotateKeyOnDemand", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a disabled key",
		"a key pending deletion", "25 rotations"}},
	{"ScheduleKeyDeletion", "", []string{"a window of 6 days", "an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"TagResource", "", []string{"a tag without value", "an alias of the key", "an unknown key", "a caller who may not", "a tag twice",
		"51 tags", "a tag of AWS", "a key pending deletion", "50 other tags"}},
	{"UntagResource", "", []string{"an empty tag key", "an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"UpdateAlias", "", []string{"a blank in the alias", "an alias as the target", "an unknown alias", "an unknown target",
		"a caller who may not, of the old key", "a key pending deletion", "a target of another usage", "50 aliases"}},
	{"UpdateKeyDescription", "", []string{"no description", "an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
}

// workshop makes keys with the faults that a request is to meet, each only once.
type workshop struct {
	*bench
	plain subject // a key without fault, named alias/plain, and a ciphertext of it
	made  map[string]subject
}

func newWorkshop(t *testing.T) *workshop {
	w := &workshop{bench: newBench(t, forgery), made: map[string]subject{}}
	w.plain = w.newSubject("plain")
	return w
}

// key is a key with the faults that edit and prepare bring, found again by the names of the violations.
func (w *workshop) key(which string, names []string, edit func(violation) func(*kms.KeyRow)) subject {
	w.t.Helper()
	var faults []violation
	id := which
	for _, name := range names {
		if v := violations[name]; edit(v) != nil || which == "key" && v.prepare != nil {
			faults, id = append(faults, v), id+", "+name
		}
	}
	if s, ok := w.made[id]; ok {
		return s
	}
	s := subject{key: w.newKey()}
	w.newAlias("alias/of-"+s.key, s.key)
	s.blob = w.encrypt(s.key, "attack at dawn", nil)
	for _, v := range faults {
		if v.prepare != nil {
			v.prepare(w.bench, s.key)
		}
	}
	w.forge(s.key, func(r *kms.KeyRow) {
		for _, v := range faults {
			if change := edit(v); change != nil {
				change(r)
			}
		}
	})
	w.made[id] = s
	return s
}

// request is a request with the given faults, and its subject.
func (w *workshop) request(operation, without string, names ...string) (kms.Request, subject) {
	w.t.Helper()
	s := w.key("key", names, func(v violation) func(*kms.KeyRow) { return v.key })
	s.other = w.key("other", names, func(v violation) func(*kms.KeyRow) { return v.other }).key
	s.alias, s.fresh = w.plain.alias, w.plain.fresh
	req := kms.Request{Operation: operation, Caller: w.root(), Input: sample(w.t, operation, s)}
	if without != "" {
		member(w.t, req.Input, without).SetZero()
	}
	for _, name := range names {
		v, known := violations[name]
		if !known {
			w.t.Fatalf("there is no violation called %q", name)
		}
		if v.edit != nil {
			v.edit(w.t, w.bench, s, req.Input)
		}
		if v.mallory {
			req.Caller = kms.Caller{Account: account, ARN: mallory, PrincipalID: "AIDAMALLORY"}
		}
	}
	return req, s
}

// together tells whether a request can have both faults.
func together(a, b violation) bool {
	aboutKey := func(v violation) bool { return v.key != nil || v.prepare != nil }
	return a.kind != b.kind &&
		!(a.noKey && aboutKey(b)) && !(b.noKey && aboutKey(a)) &&
		!(a.noOther && b.other != nil) && !(b.noOther && a.other != nil)
}

func TestOfTwoFaultsTheOneThatAWSChecksFirstIsAnswered(t *testing.T) {
	w := newWorkshop(t)
	told := map[string]bool{}
	for _, story := range stories {
		row := w.service.Operations()[story.operation].Describe()
		told[row.Name] = true
		title := row.Name
		if story.without != "" {
			title += " without " + story.without
		}
		var asked []func(*testing.T)
		for i, first := range story.order {
			asked = append(asked, w.ask(title, row, story.without, first, ""))
			for _, second := range story.order[i+1:] {
				if together(violations[first], violations[second]) {
					asked = append(asked, w.ask(title, row, story.without, first, second))
				}
			}
		}
		w.unchanged(t, func() {
			for _, ask := range asked {
				ask(t)
			}
		})
	}
	for _, row := range ops.Table() {
		if name := row.Describe().Name; !told[name] {
			t.Errorf("no story says in which order %s checks", name)
		}
	}
}

// ask prepares a request with one fault or two, and gives the test that asks it, for real and as a dry run.
func (w *workshop) ask(title string, d kms.Description, without, first, second string) func(*testing.T) {
	names := slices.DeleteFunc([]string{first, second}, func(s string) bool { return s == "" })
	req, s := w.request(d.Name, without, names...)
	v := violations[first]
	text := strings.NewReplacer("PLAIN", keyARN(w.plain.key), "ARN", keyARN(s.key), "OTHER", keyARN(s.other),
		"OPERATION", d.Name, "ACTION", firstAction(d.Name)).Replace(v.text)
	return func(t *testing.T) {
		t.Run(fmt.Sprintf("%s with %s", title, strings.Join(names, " and ")), func(t *testing.T) {
			err := w.recorded(t, req)
			refused(t, err, v.name, text)
			if !d.DryRun {
				return
			}
			member(t, req.Input, "DryRun").Set(reflect.ValueOf(new(true)))
			switch err := w.recorded(t, req); {
			case v.work:
				refused(t, err, "DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
			default:
				refused(t, err, v.name, text)
			}
		})
	}
}

func firstAction(operation string) string {
	if operation == "ReEncrypt" {
		return "kms:ReEncryptFrom"
	}
	return "kms:" + operation
}

func anotherKeys(t testing.TB, b *bench, _ subject, in kms.Input) {
	t.Helper()
	key := must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: new("alias/plain")}).KeyMetadata.KeyID
	member(t, in, "CiphertextBlob").SetBytes(b.encrypt(key, "attack at dawn", nil))
}

func manyTags(prefix string, n int) []api.Tag {
	tags := make([]api.Tag, n)
	for i := range tags {
		tags[i] = api.NewTag(fmt.Sprintf("%s-%02d", prefix, i), "v")
	}
	return tags
}

func fillTags(b *bench, key string) {
	b.t.Helper()
	must[*api.TagResourceOutput](b, "TagResource", &api.TagResourceInput{KeyID: &key, Tags: manyTags("old", api.MaxTags)})
}

func fillAliases(b *bench, key string) {
	b.t.Helper()
	for n := 1; n < api.MaxAliasesPerKey; n++ { // one it has already
		b.newAlias(fmt.Sprintf("alias/full-%s-%02d", key, n), key)
	}
}
