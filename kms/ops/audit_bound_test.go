package ops_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/policy"
)

// grower makes the members of a request as large as its validation lets it.
type grower struct{ in kms.Input }

// valid requests have only members that this server serves.
func (g grower) valid() bool {
	if in, some := g.in.(interface{ Unserved() error }); some && in.Unserved() != nil {
		return false
	}
	return g.in.Validate() == nil
}

// grow tries values from the largest to the smallest and keeps the first that is valid; or else what was there.
func (g grower) grow(v reflect.Value, values []reflect.Value) {
	before := reflect.New(v.Type()).Elem()
	before.Set(v)
	for _, value := range values {
		if v.Set(value); g.valid() {
			return
		}
	}
	v.Set(before)
}

func (g grower) fill(v reflect.Value) {
	switch t := v.Type(); {
	case t.Kind() == reflect.Struct:
		for i := range v.NumField() {
			g.fill(v.Field(i))
		}
	case t.Kind() == reflect.Pointer:
		g.fillPointer(v)
	case t.Kind() == reflect.String:
		g.grow(v, longTexts(t))
	case t.Kind() == reflect.Map:
		var maps []reflect.Value
		for _, text := range longTexts(t.Elem()) {
			m := reflect.MakeMap(t)
			m.SetMapIndex(reflect.ValueOf("a").Convert(t.Key()), text)
			maps = append(maps, m)
		}
		g.grow(v, maps)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		g.fillList(v)
	}
}

func (g grower) fillPointer(v reflect.Value) {
	before := v.Interface()
	made := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		made.Elem().Set(v.Elem())
	}
	v.Set(made)
	if g.fill(v.Elem()); !g.valid() {
		v.Set(reflect.ValueOf(before))
	}
}

// fillList repeats the list's first element, grown.
func (g grower) fillList(v reflect.Value) {
	one := reflect.MakeSlice(v.Type(), 1, 1)
	reflect.Copy(one, v)
	before := v.Interface()
	v.Set(one)
	if g.fill(v.Index(0)); !g.valid() {
		v.Set(reflect.ValueOf(before))
		return
	}
	var lists []reflect.Value
	for _, n := range []int{api.MaxTags, 16, 10, 8, 4, 3, 2, 1} {
		lists = append(lists, repeated(v, n))
	}
	g.grow(v, lists)
}

// repeated is a list of n times the first element of list.
func repeated(list reflect.Value, n int) reflect.Value {
	out := reflect.MakeSlice(list.Type(), n, n)
	for i := range n {
		out.Index(i).Set(list.Index(0))
	}
	return out
}

// longTexts are of the length of a policy and less, and of two alphabets; the first looks like a policy, of whose
// characters JSON escapes some.
func longTexts(t reflect.Type) (values []reflect.Value) {
	for _, n := range []int{api.MaxPolicy, 8192, 8191, 4096, 2048, 1024, 512, 384, 256, 128, 64, 32, 12} {
		for _, unit := range []string{`{"Sid": "abc"},` + "\n", "a"} {
			text := strings.Repeat(unit, n/len(unit)+1)[:n]
			values = append(values, reflect.ValueOf(text).Convert(t))
		}
	}
	return values
}

// largest is a valid request of an operation, about nothing that there is.
func largest(t *testing.T, operation string) kms.Input {
	t.Helper()
	in := sample(t, operation, subject{key: unknownID, other: unknownID, alias: "alias/a", fresh: "alias/b", blob: []byte("b"),
		grant: strings.Repeat("0", 64), account: account, principal: "user/app", role: "arn:aws:iam::" + account + ":role/r", accessKey: "AKIAIOSFODNN7EXAMPLE"})
	g := grower{in}
	if !g.valid() {
		t.Fatalf("%s: the sample is not valid: %v", operation, in.Validate())
	}
	g.fill(reflect.ValueOf(in).Elem())
	return in
}

func TestTheLargestValidRequestOfEveryOperationIsRecordedWhole(t *testing.T) {
	most := 0
	for _, row := range ops.Table() {
		d := row.Describe()
		in := largest(t, d.Name)
		record, err := audit.Event{
			ID: "id", Name: d.Name, Type: audit.APICall, Time: time.Unix(1, 0), RequestParameters: api.AuditFields(in),
			UserAgent: strings.Repeat("a", 4096), // and more than there is of other members
		}.Encode()
		if err != nil || strings.Contains(string(record), `"omitted"`) {
			t.Errorf("%s: the record of %d bytes is not whole, %v", d.Name, len(record), err)
		}
		most = max(most, len(record))
	}
	t.Logf("the longest record has %d bytes", most)
	if most < api.MaxPolicy+api.MaxDescription+50*384 {
		t.Errorf("the longest record has %d bytes: the requests are not the largest", most)
	}
}

func TestALargeKeyPolicyThatWasSetIsRecordedWhole(t *testing.T) {
	b := newBench(t)
	text := policy.Default("", account)
	text += strings.Repeat("\n", api.MaxPolicy-len(text))
	tags := make([]api.Tag, api.MaxTags)
	for i := range tags {
		tags[i] = api.NewTag(fmt.Sprintf("%0128d", i), strings.Repeat("v", 256))
	}
	must[any](b, "CreateKey", &api.CreateKeyInput{Policy: &text, Description: new(strings.Repeat("d", api.MaxDescription)), Tags: tags})
	records := b.log.all()
	parameters, _ := records[len(records)-1]["requestParameters"].(map[string]any)
	recorded, _ := parameters["tags"].([]any)
	if parameters["policy"] != text || len(recorded) != api.MaxTags {
		t.Errorf("the record has %d tags and the policy %.80v", len(recorded), parameters["policy"])
	}
}

// measuredLog tells how long the last record was.
type measuredLog struct {
	*memoryLog
	last int
}

func (l *measuredLog) Append(ctx context.Context, records ...[]byte) error {
	for _, r := range records {
		l.last = len(r)
	}
	return l.memoryLog.Append(ctx, records...)
}

// huge are values of a member that fill a request: a text, a map of one pair and of many, a list of the valid element.
func huge(v reflect.Value) (values []reflect.Value) {
	const size = 64 << 10
	text := strings.Repeat("\x01", size) // six octets in JSON
	switch t := v.Type(); {
	case t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.String:
		p := reflect.New(t.Elem())
		p.Elem().SetString(text)
		return []reflect.Value{p}
	case t.Kind() == reflect.Map:
		one, many := reflect.MakeMap(t), reflect.MakeMap(t)
		one.SetMapIndex(reflect.ValueOf(text).Convert(t.Key()), reflect.ValueOf("").Convert(t.Elem()))
		for i := range size / 16 {
			many.SetMapIndex(reflect.ValueOf(fmt.Sprint(i)).Convert(t.Key()), reflect.ValueOf("value").Convert(t.Elem()))
		}
		return []reflect.Value{one, many}
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 && v.Len() > 0:
		return []reflect.Value{repeated(v, size/len(fmt.Sprint(reflect.Indirect(v.Index(0)))))}
	}
	return nil
}

// TestNobodyFillsTheLogWithRequestsThatAreRefused makes every member of every operation huge, one at a time and on top of
// the largest valid ones, for a user without any permission.
func TestNobodyFillsTheLogWithRequestsThatAreRefused(t *testing.T) {
	measured := &measuredLog{}
	b := newBench(t, func(c *kms.Config) {
		measured.memoryLog, _ = c.Log.(*memoryLog)
		c.Log = measured
	})
	mallory := b.user("mallory")
	omitted, most := map[string]bool{}, 0
	ask := func(operation, story string, in kms.Input) {
		b.log.forget()
		_, err := b.service.Do(t.Context(), kms.Request{Operation: operation, Caller: mallory, Input: in})
		records := b.log.all()
		if len(records) != 1 {
			t.Fatalf("%s with %s left %d records", operation, story, len(records))
		}
		limit := audit.MaxDone
		if err != nil {
			limit = audit.MaxRefused
			most = max(most, measured.last)
		}
		if measured.last > limit {
			t.Errorf("%s with %s: the record has %d bytes, %v", operation, story, measured.last, err)
		}
		parameters, _ := records[0]["requestParameters"].(map[string]any)
		for name, value := range parameters {
			omitted[operation+"."+name] = omitted[operation+"."+name] || audit.IsOmitted(value)
		}
	}
	for _, row := range ops.Table() {
		d := row.Describe()
		in := largest(t, d.Name)
		ask(d.Name, "all that is valid", in)
		v := reflect.ValueOf(in).Elem()
		for i := range v.NumField() {
			name, valid := v.Type().Field(i).Name, v.Field(i).Interface()
			for n, value := range huge(v.Field(i)) {
				v.Field(i).Set(value)
				ask(d.Name, fmt.Sprintf("%s huge in way %d", name, n+1), in)
			}
			v.Field(i).Set(reflect.ValueOf(valid))
		}
	}
	t.Logf("the longest record of a refused request has %d bytes", most)
	for _, want := range []string{"CreateGrant.operations", "CreateKey.tags", "CreateKey.policy", "TagResource.tags", "UntagResource.tagKeys", "PutKeyPolicy.policy"} {
		if !omitted[want] {
			t.Errorf("%s was recorded whole", want)
		}
	}
	if omitted["CreateGrant.keyId"] || slices.Contains([]bool{omitted["WhoCan.contextEntries"], omitted["ExplainAccess.action"]}, true) {
		t.Error("a member that was small enough was omitted")
	}
}
