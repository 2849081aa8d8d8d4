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
	{"AssumeRole", "", []string{"a slash in the session's name", "a caller who may not assume the role", "a session policy", "a session of two hours"}},
	{"AssumeRole", "", []string{"a session of 15 minutes less a second", "an unknown role", "a session policy"}},
	{"CancelKeyDeletion", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "an enabled key"}},
	{"CreateAccount", "", []string{"an account id of letters", "a caller who may not, of no key", "an account that exists"}},
	{"CreateAccessKey", "", []string{"an id without a secret", "an unknown principal", "a caller who may not, of the user"}},
	{"CreateAccessKey", "", []string{"a caller who may not, of the user", "credentials of one's own"}},
	{"CreateAlias", "", []string{"a blank in the alias", "an alias as the target", "an unknown target", "a caller who may not",
		"an alias without prefix", "an alias of AWS", "a key pending deletion", "an alias that exists", "50 aliases"}},
	{"CreateGrant", "", []string{"an empty grant token", "an alias of the key", "an unknown key", "a grant token nobody made",
		"a caller who may not", "nothing but CreateGrant", "two constraints", "a service as the grantee", "a disabled key",
		"a key pending deletion", "an operation of HMAC keys", "a grantee who is nobody", "a retiring principal who is nobody"}},
	{"CreateKey", "", []string{"a tag without value", "a caller who may not, of no key", "both specs", "a spec without usage",
		"a symmetric key for signing", "a tag twice", "51 tags", "a tag of AWS", "a spec that is not served", "an origin that is not served",
		"a custom key store", "an external key", "many Regions", "a policy that locks out"}},
	{"CreatePrincipal", "", []string{"a name with a blank", "a caller who may not, of the new user", "a trust policy for a user",
		"tag keys that differ in case", "a tag key of AWS", "a name that is taken"}},
	{"Decrypt", "", []string{"an empty grant token", "an unknown key", "a grant token nobody made", "a caller who may not", "no ciphertext of ours", "another key's",
		"a recipient", "a key for signing", "a disabled key", "a key pending deletion", "an RSA algorithm", "another context"}},
	{"Decrypt", "KeyId", []string{"an empty grant token", "nothing but a string", "a grant token nobody made",
		"a ciphertext of an unknown key", "a caller who may not, by content", "a recipient", "a key for signing", "a disabled key", "a key pending deletion",
		"an RSA algorithm", "another context"}},
	{"DeleteAccount", "", []string{"an account id of letters", "a caller who may not, of no key", "the directory's own account", "an unknown account"}},
	{"DeleteAccessKey", "", []string{"a blank in the principal", "an unknown access key", "a caller who may not, of the user"}},
	{"DeleteAlias", "", []string{"a blank in the alias", "an unknown alias", "a caller who may not, of the old key"}},
	{"DeletePrincipal", "", []string{"a blank in the principal", "an unknown principal", "a caller who may not, of the user"}},
	{"DeletePrincipalPolicy", "", []string{"a blank in the policy's name", "an unknown principal", "a caller who may not, of the user", "an unknown policy"}},
	{"DescribeKey", "", []string{"an empty grant token", "an unknown key", "a grant token nobody made", "a caller who may not"}},
	{"DescribePrincipal", "", []string{"a blank in the principal", "an unknown principal", "a caller who may not, of the user"}},
	{"DisableAccount", "", []string{"an account id of letters", "a caller who may not, of no key", "the directory's own account", "an unknown account"}},
	{"DisableAccessKey", "", []string{"a blank in the principal", "an unknown access key", "a caller who may not, of the user"}},
	{"DisableKey", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"DisableKeyRotation", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "imported key material",
		"a disabled key", "a key pending deletion"}},
	{"DisablePrincipal", "", []string{"a blank in the principal", "an unknown principal", "a caller who may not, of the user"}},
	{"EnableAccount", "", []string{"an account id of letters", "a caller who may not, of no key", "the directory's own account", "an unknown account"}},
	{"EnableAccessKey", "", []string{"a blank in the principal", "an unknown access key", "a caller who may not, of the user"}},
	{"EnableKey", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"EnableKeyRotation", "", []string{"a period of 89 days", "an alias of the key", "an unknown key", "a caller who may not",
		"imported key material", "a disabled key", "a key pending deletion"}},
	{"EnablePrincipal", "", []string{"a blank in the principal", "an unknown principal", "a caller who may not, of the user"}},
	{"Encrypt", "", []string{"an empty grant token", "an unknown key", "a grant token nobody made", "a caller who may not", "a key for signing", "a disabled key",
		"a key pending deletion", "an RSA algorithm"}},
	{"ExplainAccess", "", []string{"an action without prefix", "an unknown key", "a caller who may not", "a condition key twice", "an action of nothing"}},
	{"GenerateDataKey", "", []string{"an empty grant token", "an unknown key", "a grant token nobody made", "a caller who may not", "both sizes",
		"neither size", "a recipient", "a key for signing", "a disabled key", "a key pending deletion"}},
	{"GenerateDataKeyWithoutPlaintext", "", []string{"an empty grant token", "an unknown key", "a grant token nobody made", "a caller who may not", "both sizes",
		"neither size", "a key for signing", "a disabled key", "a key pending deletion"}},
	{"GenerateRandom", "", []string{"a length of 0", "a caller who may not, of no key", "no length", "a custom key store", "a recipient"}},
	{"GetKeyPolicy", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a policy of another name"}},
	{"GetCallerIdentity", "", nil},
	{"GetKeyRotationStatus", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "imported key material"}},
	{"GetPrincipalPolicy", "", []string{"a blank in the policy's name", "an unknown principal", "a caller who may not, of the user", "an unknown policy"}},
	{"ListAccounts", "", []string{"a limit of 0", "a caller who may not, of no key", "a marker nobody made"}},
	{"ListAccessKeys", "", []string{"a blank in the principal", "an unknown principal", "a caller who may not, of the user"}},
	{"ListAliases", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not, of no key", "a marker nobody made"}},
	{"ListGrants", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not", "a grant id that is none",
		"a service to list for", "a marker nobody made"}},
	{"ListKeyPolicies", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not", "a marker nobody made"}},
	{"ListRetirableGrants", "", []string{"a limit of 0", "a caller who may not, of the account", "a service to retire",
		"a retiring principal of nobody", "a marker nobody made"}},
	{"PutKeyPolicy", "", []string{"no policy", "an alias of the key", "an unknown key", "a caller who may not", "a policy of another name",
		"a policy that locks out"}},
	{"ResetKeyPolicy", "", []string{"an alias of the key", "an unknown key", "a caller who is not at home"}},
	{"RetireGrant", "", []string{"an alias of the key", "a grant id that is none", "an unknown key", "an unknown grant", "a caller who may not"}},
	{"RevokeGrant", "", []string{"no grant id", "an alias of the key", "an unknown key", "a caller who may not", "a grant id that is none", "an unknown grant"}},
	{"ListKeyRotations", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not", "a marker nobody made"}},
	{"ListKeys", "", []string{"a limit of 0", "a caller who may not, of no key", "a marker nobody made"}},
	{"ListPrincipalPolicies", "", []string{"a limit of 0", "an unknown principal", "a caller who may not, of the user", "a marker nobody made"}},
	{"ListPrincipals", "", []string{"a kind of principal that there is not", "a caller who may not, of no key", "a marker nobody made"}},
	{"ListResourceTags", "", []string{"a limit of 0", "an alias of the key", "an unknown key", "a caller who may not", "a marker nobody made"}},
	{"PutPrincipalPolicy", "", []string{"a blank in the policy's name", "an unknown principal", "a caller who may not, of the user",
		"a policy that is too large", "a policy that is none"}},
	{"ReEncrypt", "", []string{"an empty grant token", "an unknown source", "an unknown destination", "a grant token nobody made", "a caller who may not",
		"no ciphertext of ours", "another key's", "a key for signing", "a destination for signing", "a disabled key", "a key pending deletion",
		"a disabled destination", "a doomed destination", "an RSA source algorithm", "an RSA destination algorithm", "another source context"}},
	{"ReEncrypt", "SourceKeyId", []string{"an empty grant token", "nothing but a string", "an unknown destination",
		"a grant token nobody made", "a ciphertext of an unknown key", "a caller who may not, by content", "a key for signing", "a destination for signing", "a disabled key",
		"a key pending deletion", "a disabled destination", "an RSA source algorithm", "an RSA destination algorithm", "another source context"}},
	{"RevokeSessions", "", []string{"a blank in the principal", "an unknown principal", "a caller who may not, of the role"}},
	{"RotateKeyOnDemand", "", []string{"an alias of the key", "an unknown key", "a caller who may not", "a disabled key",
		"a key pending deletion", "25 rotations"}},
	{"ScheduleKeyDeletion", "", []string{"a window of 6 days", "an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"TagResource", "", []string{"a tag without value", "an alias of the key", "an unknown key", "a caller who may not", "a tag twice",
		"51 tags", "a tag of AWS", "a key pending deletion", "50 other tags"}},
	{"UntagResource", "", []string{"an empty tag key", "an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"UpdateAlias", "", []string{"a blank in the alias", "an alias as the target", "an unknown alias", "an unknown target",
		"a caller who may not, of the old key", "a key pending deletion", "a target of another usage", "50 aliases"}},
	{"UpdateKeyDescription", "", []string{"no description", "an alias of the key", "an unknown key", "a caller who may not", "a key pending deletion"}},
	{"UpdatePrincipal", "", []string{"a session of an hour less a second", "an unknown principal", "a caller who may not, of the role",
		"tag keys that differ in case", "a tag key of AWS", "a trust policy that is none"}},
	{"WhoCan", "", []string{"a limit of 0", "an unknown key", "a caller who may not", "a condition key twice", "a marker nobody made", "an action of nothing"}},
}

// workshop makes keys with the faults that a request is to meet, each only once.
type workshop struct {
	*bench
	plain  subject    // a key without fault, named alias/plain, and a ciphertext of it
	nobody kms.Caller // a user whom no policy lets do anything
	made   map[string]subject
}

func newWorkshop(t *testing.T) *workshop {
	w := &workshop{bench: newBench(t, forgery), made: map[string]subject{}}
	w.plain, w.nobody = w.newSubject("plain"), w.user("mallory")
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
	s.grant = w.grant(s.key, account, "GenerateDataKeyPair").GrantID
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
	s.account, s.principal, s.role, s.accessKey = w.plain.account, w.plain.principal, w.plain.role, w.plain.accessKey
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
			req.Caller = w.nobody
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
	text := strings.NewReplacer("LITERAL-ARN", "ARN", "PLAIN", keyARN(w.plain.key), "USER", w.plain.principal, "ROLE", w.plain.role, "ACCOUNT", w.plain.account, "ARN", keyARN(s.key), "OTHER", keyARN(s.other),
		"OPERATION", d.Name, "ACTION", firstAction(d.Name), "NEWCOMER", newcomer(req.Input)).Replace(v.text)
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

// newcomer is the ARN of the user whom a request is to create.
func newcomer(in kms.Input) string {
	create, ok := in.(*api.CreatePrincipalInput)
	if !ok {
		return ""
	}
	return "arn:aws:iam::" + account + ":user/" + *create.Name
}

// prefixes are those of actions.
var prefixes = map[kms.API]string{kms.KMS: "kms:", kms.STS: "sts:", kms.Keyhold: "keyhold:"}

func firstAction(operation string) string {
	if operation == "ReEncrypt" {
		return "kms:ReEncryptFrom"
	}
	for _, row := range ops.Table() {
		if d := row.Describe(); d.Name == operation {
			return prefixes[d.Service] + operation
		}
	}
	return ""
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
