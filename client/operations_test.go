package client_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/ops"
)

// prefixes are those of X-Amz-Target, and what stands for one where there is none.
var prefixes = map[kms.API]string{kms.KMS: "TrentService.", kms.Keyhold: "Keyhold.", kms.STS: "AWSSecurityTokenServiceV20110615."}

// rows are the operations of the server's table.
func rows() (of []kms.Description) {
	for _, row := range ops.Table() {
		of = append(of, row.Describe())
	}
	return of
}

func TestTheClientKnowsEveryOperationOfTheServerAndNoOther(t *testing.T) {
	targets := client.Targets()
	for _, d := range rows() {
		if targets[d.Name] != prefixes[d.Service] {
			t.Errorf("%s has the prefix %q, want %q", d.Name, targets[d.Name], prefixes[d.Service])
		}
		if looks := client.Repeats(d.Name) == "look"; looks != (d.Effect != kms.Mutate) {
			t.Errorf("%s: the client says %q of its repetition, but its effect is %v", d.Name, client.Repeats(d.Name), d.Effect)
		}
		if samples[d.Name] == nil {
			t.Errorf("%s has no sample request: add one to samples", d.Name)
		}
		delete(targets, d.Name)
	}
	if len(targets) > 0 {
		t.Errorf("the server has no %v", targets)
	}
}

// ask calls the typed method of an operation.
func ask(t *testing.T, ctx context.Context, c *client.Client, d kms.Description, in client.Input) (any, error) {
	t.Helper()
	method := reflect.ValueOf(c).MethodByName(d.Name)
	if !method.IsValid() {
		t.Fatalf("the client has no method %s", d.Name)
	}
	want := reflect.FuncOf([]reflect.Type{reflect.TypeFor[context.Context](), reflect.TypeOf(d.NewInput())},
		[]reflect.Type{reflect.TypeOf(d.NewOutput()), reflect.TypeFor[error]()}, false)
	void := reflect.TypeOf(d.NewOutput()) == reflect.TypeFor[*api.Void]()
	if void {
		want = reflect.FuncOf([]reflect.Type{want.In(0), want.In(1)}, []reflect.Type{want.Out(1)}, false)
	}
	if method.Type() != want {
		t.Fatalf("its method is a %s, want %s", method.Type(), want)
	}
	got := method.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	err, _ := got[len(got)-1].Interface().(error)
	if void {
		return &api.Void{}, err
	}
	return got[0].Interface(), err
}

// ownersOnly are the operations that nobody may do over the network.
var ownersOnly = []string{"ResetKeyPolicy"}

func TestEveryOperationIsDoneByItsTypedMethod(t *testing.T) {
	b := newBench(t)
	for i, d := range rows() {
		t.Run(d.Name, func(t *testing.T) {
			b.t = t
			in := samples[d.Name](b.newSubject(fmt.Sprintf("typed-%d", i)))
			before := b.audit.count(d.Name)
			out, err := ask(t, t.Context(), b.client, d, in)
			if slices.Contains(ownersOnly, d.Name) {
				if !errors.Is(err, &api.Error{Name: api.AccessDeniedException}) {
					t.Fatalf("got %v, want a refusal", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if done := b.audit.count(d.Name) - before; done != 1 {
				t.Errorf("it was done %d times", done)
			}
			if reflect.TypeOf(out) != reflect.TypeFor[*api.Void]() && reflect.ValueOf(out).Elem().IsZero() {
				t.Errorf("the answer is empty")
			}
		})
	}
}

func TestAnAnswerLostOnTheWayNeverDoublesAnEffect(t *testing.T) {
	b := newBench(t)
	for i, d := range rows() {
		if slices.Contains(ownersOnly, d.Name) {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			b.t = t
			in := samples[d.Name](b.newSubject(fmt.Sprintf("lost-%d", i)))
			b.lose.Store(prefixes[d.Service]+d.Name, 1)
			before := b.audit.count(d.Name)
			_, err := ask(t, t.Context(), b.client, d, in)
			done := b.audit.count(d.Name) - before
			once := client.Repeats(d.Name) == "once" || client.Repeats(d.Name) == "named"
			switch {
			case once && (!errors.Is(err, client.ErrUncertain) || done != 1):
				t.Errorf("done %d times, error %v; want once, and uncertainty", done, err)
			case !once && (err != nil || done != 2):
				t.Errorf("done %d times, error %v; want a repetition that succeeds", done, err)
			}
		})
	}
}

func TestAGrantWithANameIsAskedForAgain(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("named")
	in := samples["CreateGrant"](s).(*api.CreateGrantInput)
	in.Name = new("night-shift")
	b.lose.Store("TrentService.CreateGrant", 2)
	out, err := b.client.CreateGrant(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	grants, err := b.client.ListGrants(t.Context(), &api.ListGrantsInput{KeyID: &s.key})
	if err != nil || len(grants.Grants) != 2 || !slices.ContainsFunc(grants.Grants, func(g api.GrantListEntry) bool { return g.GrantID == out.GrantID }) {
		t.Errorf("there are %d grants (%v), want the first and one more", len(grants.Grants), err)
	}
}

func TestAPlaintextComesBack(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	ec := api.EncryptionContext{"Tenant": "42", "über": "<&\"\n"}
	sealed, err := b.client.Encrypt(t.Context(), &api.EncryptInput{KeyID: &key, Plaintext: []byte("attack at dawn"), EncryptionContext: ec})
	if err != nil {
		t.Fatal(err)
	}
	opened, err := client.Do[api.DecryptOutput](t.Context(), b.client, "Decrypt", &api.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: ec})
	if err != nil || string(opened.Plaintext) != "attack at dawn" || opened.KeyID != sealed.KeyID {
		t.Errorf("got %+v, %v", opened, err)
	}
	described, err := b.client.DescribeKey(t.Context(), &api.DescribeKeyInput{KeyID: &key})
	if err != nil || described.KeyMetadata.CreationDate.Time() != b.clock.Now() {
		t.Errorf("the key is of %v (%v), want %v", described.KeyMetadata.CreationDate.Time(), err, b.clock.Now())
	}
}

func TestManyCallersShareAClient(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			text := fmt.Sprintf("order %d", i)
			sealed, err := b.client.Encrypt(t.Context(), &api.EncryptInput{KeyID: &key, Plaintext: []byte(text)})
			if err != nil {
				t.Error(err)
				return
			}
			opened, err := b.client.Decrypt(t.Context(), &api.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
			if err != nil || string(opened.Plaintext) != text {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	all.Wait()
}

func TestTheServersErrorComesBackWithItsNameAndRequest(t *testing.T) {
	b := newBench(t)
	_, err := b.client.DescribeKey(t.Context(), &api.DescribeKeyInput{KeyID: new("alias/nobody")})
	var e *client.Error
	if !errors.As(err, &e) || e.Status != 400 || e.Attempts != 1 || len(e.RequestID) != 36 || e.Uncertain {
		t.Fatalf("got %+v", err)
	}
	if want := "Alias arn:aws:kms:eu-central-1:111122223333:alias/nobody is not found."; !errors.Is(err, &api.Error{Name: api.NotFoundException, Message: want}) {
		t.Errorf("got %v", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, "call DescribeKey: NotFoundException: Alias ") || !strings.Contains(text, e.RequestID) {
		t.Errorf("it says %q", text)
	}
}

func TestShapesOfAnotherOperationAreRefusedBeforeAnythingIsSent(t *testing.T) {
	b := newBench(t)
	type DescribeKeyOutput struct{ KeyMetadata api.KeyMetadata }
	for _, c := range []struct {
		name      string
		operation string
		in        client.Input
		out       any
		want      string
	}{
		{"no operation", "Sing", &api.EncryptInput{}, &api.EncryptOutput{}, "there is no such operation"},
		{"another's of STS", "AssumeRole", &api.GetCallerIdentityInput{}, &api.AssumeRoleOutput{}, "want an *api.AssumeRoleInput"},
		{"another's input", "DescribeKey", &api.EnableKeyInput{}, &api.DescribeKeyOutput{}, "want an *api.DescribeKeyInput"},
		{"no input", "DescribeKey", nil, &api.DescribeKeyOutput{}, "want an *api.DescribeKeyInput"},
		{"a nil input", "DescribeKey", (*api.DescribeKeyInput)(nil), &api.DescribeKeyOutput{}, "want an *api.DescribeKeyInput"},
		{"another's output", "DescribeKey", &api.DescribeKeyInput{}, &api.EncryptOutput{}, "want an *api.DescribeKeyOutput"},
		{"a type of that name", "DescribeKey", &api.DescribeKeyInput{}, &DescribeKeyOutput{}, "want an *api.DescribeKeyOutput"},
		{"an output that is no pointer", "DescribeKey", &api.DescribeKeyInput{}, api.DescribeKeyOutput{}, "want an *api.DescribeKeyOutput"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := b.client.Call(t.Context(), c.operation, c.in, c.out); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
