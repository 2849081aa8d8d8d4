package ops_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/keyspec"
	"github.com/keyhold/keyhold/kms/ops"
)

const operationsIntroduction = `# Operations

Every operation that Keyhold serves: those of the AWS KMS API and of AWS STS, and its own. What AWS KMS has and this
server has not stands at the [end](#not-served). The file is written by ` + "`go test ./kms/ops -update`" + `: the actions
stand in the table of operations; which identifiers are taken and what is refused was found out by asking. What is
answered for a key in any other state is in [states.md](states.md).

- **Effect**: *reads* rows, *uses* a key or the token's random generator, or *changes* rows.
- **Action**: what the caller must be allowed: in a key policy, in an identity policy, or by a grant where the operation
  is one that grants know. Where no key is named identity policies decide alone; the root of the account needs none.
- **Key**: the members that name a key, and the forms that they take.
- **States**: the key states that are no obstacle.
- **Refused**: members and values that AWS has and this server does not serve. Each is answered with
  ` + "`UnsupportedOperationException`" + ` and a sentence that names it; none is passed over.

An operation with DryRun answers a request that sets it with ` + "`DryRunOperationException`" + ` when it would have
succeeded, and changes nothing.
`

const operationsTable = `
## %s

%s

| Operation | Effect | Action | Key | States | DryRun | Refused |
|---|---|---|---|---|---|---|
`

const operationsLimits = `
## Limits

As AWS KMS has them ("Resource quotas" in its Developer Guide), but for the number of keys, which is 100,000 there. A key counts
until its row is gone.

| What | At most | Beyond it | Configuration |
|---|---|---|---|
| Customer managed keys of one account, in any state, pending deletion too | %d | ` + "`LimitExceededException`" + ` | ` + "`keys.per_account`" + ` |
| Aliases of one key | %d | ` + "`LimitExceededException`" + ` | – |
| Grants on one key | %d | ` + "`LimitExceededException`" + ` | – |
| Octets of a key policy | %d | ` + "`LimitExceededException`" + ` | – |
| Rotations of one key on demand, for life | %d | ` + "`LimitExceededException`" + ` | ` + "`keys.on_demand_rotations`" + ` |
| Tags of one key | %d | ` + "`TagException`" + ` | – |
`

const operationsNotServed = `
## Not served

Operations of AWS KMS that this server does not serve. Whoever has signed gets ` + "`UnsupportedOperationException`" + ` with the name
of the operation and what stands here; neither permissions nor the members of the request are looked at, and the request is
recorded. Custom key stores will not come: this server is one. A name that AWS does not have either is an
` + "`UnknownOperationException`" + `.

| Operation | Why, and what to do |
|---|---|
`

// families are the sections of the document.
var families = []struct {
	service     kms.API
	title, text string
}{
	{kms.KMS, "AWS KMS", "`X-Amz-Target: TrentService.<Operation>`."},
	{kms.STS, "AWS STS", "The query protocol."},
	{kms.Keyhold, "Keyhold's own", "`X-Amz-Target: Keyhold.<Operation>`, in the same form as those of AWS KMS. What names a principal takes an ARN, a\n" +
		"unique id, `user/<name>` or `role/<name>`, of the caller's account. Operations on accounts, which are about the whole\n" +
		"installation, are for principals of the directory's own account."},
}

func TestTheDocumentOfOperationsIsCurrent(t *testing.T) {
	b := newBench(t)
	var doc strings.Builder
	doc.WriteString(operationsIntroduction)
	for _, f := range families {
		fmt.Fprintf(&doc, operationsTable, f.title, f.text)
		for _, row := range ops.Table() {
			if row.Describe().Service == f.service {
				doc.WriteString(operationLine(t, b, row))
			}
		}
	}
	fmt.Fprintf(&doc, operationsLimits, api.MaxKeysPerAccount, api.MaxAliasesPerKey, api.MaxGrantsPerKey, api.MaxPolicy,
		api.MaxOnDemandRotations, api.MaxTags)
	doc.WriteString(operationsNotServed)
	unserved := api.UnservedOperations()
	for _, name := range slices.Sorted(maps.Keys(unserved)) {
		fmt.Fprintf(&doc, "| %s | %s |\n", name, unserved[name])
	}
	golden(t, "../../docs/operations.md", doc.String())
}

func operationLine(t *testing.T, b *bench, row kms.Row) string {
	t.Helper()
	effects := map[kms.Effect]string{kms.Read: "reads", kms.Use: "uses", kms.Mutate: "changes"}
	d := row.Describe()
	dryRun := "no"
	if d.DryRun {
		dryRun = "yes"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n", d.Name, effects[d.Effect], lines(actions(t, row)),
		lines(keyForms(b, d)), lines(acceptedStates(d)), dryRun, lines(unserved(d)))
}

// lines is a list in one cell.
func lines(list []string) string {
	if len(list) == 0 {
		return "–"
	}
	return strings.Join(list, "<br>")
}

func TestEveryOperationNeedsTheActionOfItsNameAndReEncryptTwo(t *testing.T) {
	for _, row := range ops.Table() {
		name := row.Describe().Name
		want := []string{"`" + prefixes[row.Describe().Service] + name + "`"}
		if name == "ReEncrypt" {
			want = []string{"`kms:ReEncryptFrom`", "`kms:ReEncryptTo`"}
		}
		if name == "CreateKey" {
			want = append(want, "`kms:TagResource`") // for a request with tags
		}
		if name == "GetCallerIdentity" {
			want = nil // everybody may ask who they are
		}
		if got := actions(t, row); !slices.Equal(got, want) {
			t.Errorf("%s needs %v, want %v", name, got, want)
		}
	}
}

// actions are those of the row's targets, for a request with every member that names a key and for one without.
func actions(t *testing.T, row kms.Row) []string {
	t.Helper()
	targets := reflect.ValueOf(row).FieldByName("Targets")
	var list []string
	name := row.Describe().Name
	for _, in := range []kms.Input{sample(t, name, subject{key: "k", other: "k", alias: "a", fresh: "a"}), row.Describe().NewInput()} {
		found, ok := targets.Call([]reflect.Value{reflect.ValueOf(in)})[0].Interface().([]kms.Target)
		if !ok {
			t.Fatalf("the row of %s does not say its targets", name)
		}
		for _, target := range found {
			if action := "`" + target.Action + "`"; !slices.Contains(list, action) {
				list = append(list, action)
			}
		}
	}
	return list
}

// keyForms says which identifiers each member takes. A form is accepted when a request that should otherwise succeed
// does.
func keyForms(b *bench, d kms.Description) []string {
	b.t.Helper()
	var list []string
	members := keyMembers(d.NewInput())
	if _, ok := reflect.TypeOf(d.NewInput()).Elem().FieldByName("AliasName"); ok {
		members = append([]string{"AliasName"}, members...)
	}
	for _, name := range members {
		var forms []string
		for i, form := range []string{"id", "key ARN", "alias", "alias ARN"} {
			s := b.newSubject(fmt.Sprintf("forms-%s-%s-%d", d.Name, name, i))
			in := sample(b.t, d.Name, s)
			if d.Name == "CancelKeyDeletion" {
				must[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &s.key})
			}
			id, alias := s.key, s.alias
			if *member(b.t, in, name).Interface().(*string) == s.other {
				id, alias = s.other, s.alias+"-other"
				b.newAlias(alias, id)
			}
			ref := []string{id, keyARN(id), alias, arnBase + alias}[i]
			member(b.t, in, name).Set(reflect.ValueOf(&ref))
			if _, err := try[any](b, d.Name, in); err == nil {
				forms = append(forms, form)
			}
		}
		if len(forms) > 0 {
			list = append(list, name+": "+strings.Join(forms, ", "))
		}
	}
	return list
}

func acceptedStates(d kms.Description) []string {
	var list []string
	for _, row := range stateRows() {
		if row.Name != d.Name {
			continue
		}
		var yes, no []string
		for _, s := range keyspec.KeyStates.Values() {
			if name, _ := row.answer(s, ""); name == "" {
				yes = append(yes, string(s))
			} else {
				no = append(no, string(s))
			}
		}
		text := strings.Join(yes, ", ")
		switch {
		case len(no) == 0:
			text = "any"
		case len(no) < len(yes):
			text = "all but " + strings.Join(no, ", ")
		}
		if _, which, ok := strings.Cut(row.name, "/"); ok {
			text = which + " key: " + text
		}
		list = append(list, text)
	}
	return list
}

// unserved tries every member of a shape with every kind of value, and collects those that are refused by name.
func unserved(d kms.Description) []string {
	var list []string
	shape := reflect.TypeOf(d.NewInput()).Elem()
	for i := range shape.NumField() {
		name, _, _ := strings.Cut(shape.Field(i).Tag.Get("json"), ",")
		var no, yes []string
		for _, value := range candidates(shape.Field(i).Type) {
			in := d.NewInput()
			judge, ok := in.(interface{ Unserved() error })
			if !ok {
				return nil
			}
			reflect.ValueOf(in).Elem().Field(i).Set(value.value)
			if err := judge.Unserved(); err != nil && strings.Contains(err.Error(), ": "+name+" ") {
				no = append(no, value.name)
			} else {
				yes = append(yes, value.name)
			}
		}
		switch {
		case len(no) == 0:
		case len(yes) == 0:
			list = append(list, name)
		case len(yes) < len(no):
			list = append(list, name+": all but "+strings.Join(yes, ", "))
		default:
			list = append(list, name+": "+strings.Join(no, ", "))
		}
	}
	return list
}

type candidate struct {
	name  string
	value reflect.Value
}

// candidates are values of a member that a shape could refuse; where one is as good as another it has no name.
func candidates(t reflect.Type) []candidate {
	switch t {
	case reflect.TypeFor[*keyspec.KeySpec]():
		return each(keyspec.KeySpecs)
	case reflect.TypeFor[*keyspec.Origin]():
		return each(keyspec.Origins)
	case reflect.TypeFor[*string]():
		return []candidate{{"", reflect.ValueOf(new("x"))}}
	case reflect.TypeFor[*bool]():
		return []candidate{{"true", reflect.ValueOf(new(true))}, {"false", reflect.ValueOf(new(false))}}
	case reflect.TypeFor[*api.RecipientInfo]():
		return []candidate{{"", reflect.ValueOf(new(api.RecipientInfo))}}
	}
	if t.Kind() == reflect.Slice {
		return []candidate{{"", reflect.MakeSlice(t, 1, 1)}}
	}
	return nil
}

func each[T ~string](set keyspec.Set[T]) []candidate {
	var list []candidate
	for _, v := range set.Values() {
		list = append(list, candidate{string(v), reflect.ValueOf(&v)})
	}
	return list
}
