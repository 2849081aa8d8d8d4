package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func (b *bench) policyNames(principal string) []string {
	b.t.Helper()
	return must[*api.ListPrincipalPoliciesOutput](b, "ListPrincipalPolicies", &api.ListPrincipalPoliciesInput{Principal: &principal}).PolicyNames
}

func TestAPolicyIsKeptToTheOctetReplacedAndTakenAway(t *testing.T) {
	b := newBench(t)
	alice, ref := b.user("alice"), "user/alice"
	get := func(name string) (string, error) {
		out, err := try[*api.GetPrincipalPolicyOutput](b, "GetPrincipalPolicy", &api.GetPrincipalPolicyInput{Principal: &ref, PolicyName: &name})
		if err != nil {
			return "", err
		}
		return out.Policy, nil
	}
	spaced := strings.ReplaceAll(allow("kms:ListKeys"), ",", "\r\n ,\t")
	b.putPolicy(b.root(), ref, "readers+=,.@-_1", spaced)
	b.putPolicy(b.root(), ref, "READERS+=,.@-_1", deny("kms:ListAliases")) // another one: names of policies have a case
	if got, err := get("readers+=,.@-_1"); err != nil || got != spaced {
		t.Errorf("the policy is %q, %v", got, err)
	}
	if err := b.knows(alice); err != nil {
		t.Error(err)
	}
	b.putPolicy(b.root(), ref, "readers+=,.@-_1", deny("kms:ListKeys"))
	if name, text := errorOf(b.knows(alice)); !strings.Contains(text, "explicit deny in an identity-based policy") {
		t.Errorf("the old policy is still there: %s %s", name, text)
	}
	if names := b.policyNames(ref); !slices.Equal(names, []string{"READERS+=,.@-_1", "readers+=,.@-_1"}) {
		t.Errorf("the policies are %v", names)
	}
	remove := &api.DeletePrincipalPolicyInput{Principal: &ref, PolicyName: new("readers+=,.@-_1")}
	must[any](b, "DeletePrincipalPolicy", remove)
	if _, text := errorOf(b.knows(alice)); !strings.Contains(text, "no identity-based policy allows") {
		t.Errorf("the deleted policy still denies: %s", text)
	}
	_, err := try[any](b, "DeletePrincipalPolicy", remove)
	refused(t, err, noSuchKey, alice.ARN+" has no policy 'readers+=,.@-_1'")
	_, err = get("readers+=,.@-_1")
	refused(t, err, noSuchKey, alice.ARN+" has no policy 'readers+=,.@-_1'")
	b.reopen()
	if names := b.policyNames(ref); !slices.Equal(names, []string{"READERS+=,.@-_1"}) {
		t.Errorf("after a restart the policies are %v", names)
	}
}

func TestAPolicyThatIsNotOneIsRefusedWithItsPlace(t *testing.T) {
	b := newBench(t)
	b.user("alice")
	b.unchanged(t, func() {
		for story, c := range map[string]struct{ policy, name, text string }{
			"no JSON":         {`{"Version":"2012-10-17",` + "\n" + `  "Statement":[{]}`, malformed, "identity policy, line 2, column 17: the name of a member, in double quotes, belongs here"},
			"a principal":     {`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`, malformed, ""},
			"an unknown name": {`{"Version":"2012-10-17","Statements":[]}`, malformed, ""},
			"32,769 bytes":    {allow("kms:*") + strings.Repeat(" ", 32769-len(allow("kms:*"))), "LimitExceededException", "The policy is larger than 32768 bytes."},
		} {
			t.Run(story, func(t *testing.T) {
				err := b.recorded(t, kms.Request{Operation: "PutPrincipalPolicy", Caller: b.root(), Input: &api.PutPrincipalPolicyInput{
					Principal: new("user/alice"), PolicyName: new("p"), Policy: &c.policy}})
				if c.text == "" {
					refused(t, err, c.name)
					return
				}
				refused(t, err, c.name, c.text)
			})
		}
	})
	b.putPolicy(b.root(), "user/alice", "p", allow("kms:*")+strings.Repeat(" ", 32768-len(allow("kms:*"))))
}

func TestAPrincipalHasFiftyPoliciesAtMost(t *testing.T) {
	b := newBench(t)
	alice := b.user("alice")
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf("p%02d", i))
		b.putPolicy(b.root(), alice.ARN, want[i], allow(fmt.Sprintf("kms:List%d*", i)))
	}
	put := func(name string) error {
		_, err := try[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &alice.ARN, PolicyName: &name, Policy: new(allow("kms:ListKeys"))})
		return err
	}
	refused(t, put("one-more"), "LimitExceededException", alice.ARN+" has 50 policies, and may not have more. Delete one, or add the statements to another.")
	if err := put("p49"); err != nil {
		t.Errorf("one that there is cannot be replaced: %v", err)
	}
	for _, limit := range []int32{1, 7, 49, 50, 1000} {
		in := &api.ListPrincipalPoliciesInput{Principal: &alice.ARN, Limit: &limit}
		var got []string
		for {
			out := must[*api.ListPrincipalPoliciesOutput](b, "ListPrincipalPolicies", in)
			got = append(got, out.PolicyNames...)
			if in.Marker = &out.NextMarker; !out.Truncated {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d they are %v", limit, got)
		}
	}
	must[any](b, "DeletePrincipalPolicy", &api.DeletePrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("p00")})
	if err := put("one-more"); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

func TestAPrincipalsPoliciesHave32768BytesTogether(t *testing.T) {
	b := newBench(t)
	alice := b.user("alice")
	sized := func(size int) *string {
		text := allow("kms:ListKeys")
		return new(text + strings.Repeat(" ", size-len(text)))
	}
	put := func(name string, size int) error {
		_, err := try[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &alice.ARN, PolicyName: &name, Policy: sized(size)})
		return err
	}
	const tooLarge = "The policies of " + iamBase + "user/alice would be larger than 32768 bytes together."
	for _, step := range []struct {
		story, name string
		size        int
		fits        bool
	}{
		{"the first", "a", 20000, true},
		{"one byte more than there is room for", "b", 12769, false},
		{"what there is room for", "b", 12768, true},
		{"a small one more", "c", 200, false},
		{"another text as long", "a", 20000, true},
		{"a longer text in the place of one", "a", 20001, false},
		{"a shorter text in the place of one", "a", 19800, true},
		{"the small one, for which there is room now", "c", 200, true},
		{"as much as all may have, in the place of one", "b", 32768, false},
	} {
		t.Run(step.story, func(t *testing.T) {
			if step.fits {
				if err := put(step.name, step.size); err != nil {
					t.Error(err)
				}
				return
			}
			b.unchanged(t, func() { refused(t, put(step.name, step.size), "LimitExceededException", tooLarge) })
		})
	}
	must[any](b, "DeletePrincipalPolicy", &api.DeletePrincipalPolicyInput{Principal: &alice.ARN, PolicyName: new("a")})
	if err := put("d", 19800); err != nil {
		t.Errorf("a deleted one still counts: %v", err)
	}
}

// Who administers principals is judged by the ARN of whom it is about, like everybody else.
func TestAnAdministratorOfATeamAdministersThatTeamOnly(t *testing.T) {
	b := newBench(t)
	lead := b.user("lead", allowOn(iamBase+"user/team/*", "keyhold:*"))
	create := func(name, path string) error {
		_, err := tryAs[any](b, lead, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new("user"), Name: &name, Path: &path})
		return err
	}
	if err := create("ann", "/team/"); err != nil {
		t.Fatal(err)
	}
	mustAs[any](b, lead, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: new("user/ann"), PolicyName: new("p"), Policy: new(allow("kms:ListKeys"))})
	mustAs[any](b, lead, "DisablePrincipal", &api.DisablePrincipalInput{Principal: new("user/ann")})
	b.user("boss")
	b.unchanged(t, func() {
		name, text := errorOf(create("eve", "/"))
		if want := "User: " + lead.ARN + " is not authorized to perform: keyhold:CreatePrincipal on resource: " + iamBase + "user/eve because no identity-based policy allows the keyhold:CreatePrincipal action"; name != denied || text != want {
			t.Errorf("%s %s", name, text)
		}
		for _, operation := range []string{"PutPrincipalPolicy", "DeletePrincipal", "DescribePrincipal", "DisablePrincipal"} {
			_, err := tryAs[any](b, lead, operation, sample(t, operation, subject{principal: iamBase + "user/boss"}))
			refused(t, err, denied, "User: "+lead.ARN+" is not authorized to perform: keyhold:"+operation+" on resource: "+iamBase+
				"user/boss because no identity-based policy allows the keyhold:"+operation+" action")
		}
		_, err := tryAs[any](b, lead, "ListPrincipals", &api.ListPrincipalsInput{})
		refused(t, err, denied)
	})
}
