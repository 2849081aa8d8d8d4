package ops_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

func (b *bench) accounts() []api.Account {
	b.t.Helper()
	return must[*api.ListAccountsOutput](b, "ListAccounts", &api.ListAccountsInput{}).Accounts
}

func TestAnAccountsLife(t *testing.T) {
	b := newBench(t)
	made := must[*api.CreateAccountOutput](b, "CreateAccount", &api.CreateAccountInput{AccountID: new(otherAccount), Name: new("the lab")}).Account
	want := api.Account{AccountID: otherAccount, Name: "the lab", State: "Active", CreateDate: api.TimeOf(b.clock.Now())}
	if made != want {
		t.Errorf("made %+v, want %+v", made, want)
	}
	for _, taken := range []string{otherAccount, account} {
		_, err := try[any](b, "CreateAccount", &api.CreateAccountInput{AccountID: &taken})
		refused(t, err, alreadyExists, "Account '"+taken+"' already exists")
	}
	key := mustAs[*api.CreateKeyOutput](b, b.rootOf(otherAccount), "CreateKey", &api.CreateKeyInput{}).KeyMetadata
	alice := b.userOf(otherAccount, "alice", allow("kms:*"))
	describe := func(caller kms.Caller) error {
		_, err := tryAs[any](b, caller, "DescribeKey", &api.DescribeKeyInput{KeyID: &key.Arn})
		return err
	}
	if err := describe(alice); err != nil || key.AWSAccountID != otherAccount {
		t.Fatalf("alice cannot use the key of %s: %v", key.AWSAccountID, err)
	}
	want.State = "Inactive"
	if got := must[*api.DisableAccountOutput](b, "DisableAccount", &api.DisableAccountInput{AccountID: new(otherAccount)}).Account; got != want {
		t.Errorf("disabled it is %+v", got)
	}
	refused(t, describe(alice), unrecognized)
	refused(t, describe(b.rootOf(otherAccount)), unrecognized)
	want.State = "Active"
	if got := must[*api.EnableAccountOutput](b, "EnableAccount", &api.EnableAccountInput{AccountID: new(otherAccount)}).Account; got != want {
		t.Errorf("enabled it is %+v", got)
	}
	if err := describe(alice); err != nil {
		t.Error(err)
	}
	if list := b.accounts(); len(list) != 2 || !list[0].Own || list[0].AccountID != account || list[0].State != "Active" || list[1] != want {
		t.Errorf("the accounts are %+v", list)
	}
}

func TestAnAccountIsDeletedOnlyWhenItIsEmpty(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	remove := &api.DeleteAccountInput{AccountID: new(otherAccount)}
	alice := b.userOf(otherAccount, "alice")
	const advice = " and cannot be deleted. Delete them first, or disable the account."
	_, err := try[any](b, "DeleteAccount", remove)
	refused(t, err, "ConflictException", "Account '"+otherAccount+"' still has principals,"+advice)
	mustAs[any](b, b.rootOf(otherAccount), "DeletePrincipal", &api.DeletePrincipalInput{Principal: &alice.ARN})
	if out := must[*api.DeleteAccountOutput](b, "DeleteAccount", remove); out.AccountID != otherAccount {
		t.Errorf("deleted is %+v", out)
	}
	_, err = try[any](b, "DeleteAccount", remove)
	refused(t, err, noSuchKey, "Account '"+otherAccount+"' does not exist")
	refused(t, b.knows(b.rootOf(otherAccount)), unrecognized)

	in := &api.DeleteAccountInput{AccountID: new(b.account("777788889999"))}
	mustAs[any](b, b.rootOf(*in.AccountID), "CreateKey", &api.CreateKeyInput{})
	_, err = try[any](b, "DeleteAccount", in)
	refused(t, err, "ConflictException", "Account '"+*in.AccountID+"' still has keys,"+advice)
}

// What policies and grants gave to a number must not fall to whoever would get it next.
func TestTheNumberOfADeletedAccountIsNotGivenAgain(t *testing.T) {
	b := newBench(t)
	b.account(otherAccount)
	root := b.rootOf(otherAccount)
	key := must[*api.CreateKeyOutput](b, "CreateKey", &api.CreateKeyInput{Policy: new(keyPolicy(everything, letIn(root.ARN)))}).KeyMetadata
	must[any](b, "CreateGrant", grantTo(key.KeyID, otherAccount, "DescribeKey"))
	describe := func() error {
		_, err := tryAs[any](b, root, "DescribeKey", &api.DescribeKeyInput{KeyID: &key.Arn})
		return err
	}
	if err := describe(); err != nil {
		t.Fatal(err)
	}
	id := &api.DeleteAccountInput{AccountID: new(otherAccount)}
	must[any](b, "DeleteAccount", id)
	for range 2 {
		b.unchanged(t, func() {
			refused(t, describe(), unrecognized)
			_, err := try[any](b, "CreateAccount", &api.CreateAccountInput{AccountID: new(otherAccount)})
			refused(t, err, alreadyExists, "Account '"+otherAccount+"' was deleted on "+b.clock.Now().Format("2006-01-02")+
				", and its number is not given again. Choose another number.")
			for operation, in := range map[string]kms.Input{
				"DeleteAccount": id, "EnableAccount": &api.EnableAccountInput{AccountID: new(otherAccount)},
				"DisableAccount": &api.DisableAccountInput{AccountID: new(otherAccount)},
			} {
				_, err = try[any](b, operation, in)
				refused(t, err, noSuchKey, "Account '"+otherAccount+"' does not exist")
			}
			_, err = try[any](b, "PutKeyPolicy", &api.PutKeyPolicyInput{KeyID: &key.KeyID, Policy: new(keyPolicy(everything, letIn(root.ARN)))})
			refused(t, err, malformed, "Policy contains a statement with one or more invalid principals.")
			_, err = try[any](b, "CreateGrant", grantTo(key.KeyID, otherAccount, "Encrypt"))
			refused(t, err, "InvalidArnException")
		})
		if list := b.accounts(); len(list) != 1 {
			t.Errorf("the accounts are %+v", list)
		}
		b.reopen()
	}
}

func TestDeletedAccountsDoNotShortenThePagesOfTheList(t *testing.T) {
	b := newBench(t)
	want := []string{account}
	for i := range 9 {
		id := b.account(fmt.Sprintf("55550000000%d", i))
		if i%4 == 1 {
			want = append(want, id)
			continue
		}
		must[any](b, "DeleteAccount", &api.DeleteAccountInput{AccountID: &id})
	}
	b.listsAccounts(t, want)
}

// Accounts are the installation's, whatever the policies of another account say.
func TestOnlyTheDirectorysOwnAccountGovernsAccounts(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("app")
	b.account(otherAccount)
	king := b.userOf(otherAccount, "king", allow("*"))
	governor := b.user("governor", allow("keyhold:CreateAccount", "keyhold:ListAccounts"))
	b.unchanged(t, func() {
		for _, operation := range []string{"CreateAccount", "ListAccounts", "EnableAccount", "DisableAccount", "DeleteAccount"} {
			for _, caller := range []kms.Caller{king, b.rootOf(otherAccount)} {
				_, err := tryAs[any](b, caller, operation, sample(t, operation, s))
				refused(t, err, denied)
			}
		}
		_, err := tryAs[any](b, governor, "DeleteAccount", sample(t, "DeleteAccount", s))
		refused(t, err, denied)
	})
	made := mustAs[*api.CreateAccountOutput](b, governor, "CreateAccount", &api.CreateAccountInput{}).Account.AccountID
	if len(made) != 12 || made[0] == '0' || made == otherAccount {
		t.Errorf("the drawn account is %q", made)
	}
}

func TestAccountsAreListedInPagesWithTheDirectorysOwnFirst(t *testing.T) {
	b := newBench(t)
	want := []string{account}
	for _, id := range []string{"000000000001", "111122223332", "111122223334", "999999999999"} {
		want = append(want, b.account(id))
	}
	b.listsAccounts(t, want)
}

// listsAccounts wants the accounts in the list, whatever the size of its pages.
func (b *bench) listsAccounts(t *testing.T, want []string) {
	t.Helper()
	for _, limit := range []int32{1, 2, 3, 4, 5, 6} {
		in := &api.ListAccountsInput{Limit: &limit}
		var got []string
		for {
			out := must[*api.ListAccountsOutput](b, "ListAccounts", in)
			if out.Truncated && len(out.Accounts) != int(limit) {
				t.Errorf("a page of %d has %d accounts", limit, len(out.Accounts))
			}
			got = append(got, texts(out.Accounts, func(a api.Account) string { return a.AccountID })...)
			if in.Marker = &out.NextMarker; !out.Truncated {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d they are %v, want %v", limit, got, want)
		}
	}
}
