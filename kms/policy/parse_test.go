package policy_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms/policy"
)

func TestDefaultIsAWSsTextToTheOctet(t *testing.T) {
	want, err := os.ReadFile("testdata/default.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := policy.Default("", "210987654321"); got != string(want) {
		t.Errorf("default policy is\n%s\nwant\n%s", got, want)
	}
	if got := policy.Default("aws-cn", "210987654321"); got != strings.Replace(string(want), "arn:aws:", "arn:aws-cn:", 1) {
		t.Errorf("default policy of another partition is\n%s", got)
	}
}

func TestADocumentOfTheGreatestLength(t *testing.T) {
	full := policy.Default("", home)
	full += strings.Repeat(" ", policy.MaxBytes-len(full))
	if _, err := policy.Parse(full); err != nil {
		t.Error(err)
	}
	if _, err := policy.Parse(full + " "); err == nil {
		t.Error("one byte more was accepted")
	}
}

func TestRefusals(t *testing.T) {
	const notKept = " is not evaluated by this version; the policy is refused so that no part of it is kept and ignored"
	with := func(members string) string {
		return "{\n  \"Statement\": [{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\",\n    " + members + "}]}"
	}
	principal := func(p string) string { return with(`"Principal":{"AWS":` + p + `}`) }
	tests := []struct {
		name     string
		document string
		want     string
	}{
		// Known to AWS and not evaluated: refused by name.
		{"Condition", with(`"Principal":"*","Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}`), `line 3, column 21: Condition` + notKept},
		{"an empty Condition", with(`"Principal":"*","Condition":{}`), `line 3, column 21: Condition` + notKept},
		{"NotPrincipal", with(`"NotPrincipal":{"AWS":"` + home + `"}`), `line 3, column 5: NotPrincipal` + notKept},
		{"NotAction", with(`"Principal":"*","NotAction":"kms:*"`), `line 3, column 21: NotAction` + notKept},
		{"NotResource", with(`"Principal":"*","NotResource":"*"`), `line 3, column 21: NotResource` + notKept},
		{"a service", with(`"Principal":{"Service":"logs.amazonaws.com"}`), `line 3, column 18: a principal of type Service` + notKept},
		{"a service beside an account", with(`"Principal":{"AWS":"*","Service":"logs.amazonaws.com"}`), `line 3, column 28: a principal of type Service` + notKept},
		{"a federation", with(`"Principal":{"Federated":"cognito-identity.amazonaws.com"}`), `line 3, column 18: a principal of type Federated` + notKept},
		{"a canonical user", with(`"Principal":{"CanonicalUser":"79a5"}`), `line 3, column 18: a principal of type CanonicalUser` + notKept},
		{"a session", principal(`"arn:aws:sts::111122223333:assumed-role/app/one"`), `line 3, column 24: a session principal` + notKept},
		{"a policy variable", `{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/${aws:username}"},"Version":"2012-10-17"}`, `line 1, column 76: a policy variable` + notKept},

		// The grammar.
		{"an unknown member of the policy", `{"Statment":[]}`, `line 1, column 2: a policy has no member "Statment"`},
		{"an unknown member of a statement", with(`"Principals":"*"`), `line 3, column 5: a statement has no member "Principals"`},
		{"members keep their case", with(`"principal":"*"`), `line 3, column 5: a statement has no member "principal"`},
		{"an unknown type of principal", with(`"Principal":{"aws":"*"}`), `line 3, column 18: Principal has no member "aws"`},
		{"an unknown version", `{"Version":"2020-01-01"}`, `line 1, column 12: Version is "2020-01-01"; it must be "2012-10-17" or "2008-10-17"`},
		{"a version that is a number", `{"Version":2012}`, `line 1, column 12: Version must be a string, not a number`},
		{"an Id that is null", `{"Id":null}`, `line 1, column 7: Id must be a string, not null`},
		{"a Sid that is a boolean", with(`"Sid":true`), `line 3, column 11: Sid must be a string, not a boolean`},
		{"no Statement", `{"Version":"2012-10-17"}`, `line 1, column 1: the policy has no Statement`},
		{"no statements", `{"Statement":[]}`, `line 1, column 14: Statement is empty; a policy has at least one statement`},
		{"a Statement that is a string", `{"Statement":"Allow"}`, `line 1, column 14: Statement must be an object or a list of objects, not a string`},
		{"a statement that is a list", `{"Statement":[[]]}`, `line 1, column 15: a statement is an object, not a list`},
		{"a policy that is a list", `[]`, `line 1, column 1: a policy is an object, not a list`},
		{"no Effect", `{"Statement":[{"Principal":"*","Action":"kms:*","Resource":"*"}]}`, `line 1, column 15: the statement has no Effect`},
		{"no Principal", with(`"Sid":"x"`), `line 2, column 17: the statement has no Principal`},
		{"no Action", `{"Statement":[{"Effect":"Deny","Principal":"*","Resource":"*"}]}`, `line 1, column 15: the statement has no Action`},
		{"no Resource", `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"kms:*"}]}`, `line 1, column 15: the statement has no Resource`},
		{"an Effect in another case", `{"Statement":{"Effect":"allow"}}`, `line 1, column 24: Effect is "allow"; it must be "Allow" or "Deny"`},
		{"an Effect that is a list", `{"Statement":{"Effect":["Allow"]}}`, `line 1, column 24: Effect must be a string, not a list`},
		{"no actions", `{"Statement":{"Action":[]}}`, `line 1, column 24: Action is an empty list`},
		{"an action that is an object", `{"Statement":{"Action":{}}}`, `line 1, column 24: Action must be a string or a list of strings, not an object`},
		{"an action in a list that is a number", `{"Statement":{"Action":["kms:*", 7]}}`, `line 1, column 34: Action is a list of strings; this is a number`},
		{"an action without service", `{"Statement":{"Action":"Encrypt"}}`, `line 1, column 24: the action "Encrypt" is neither "*" nor of the form kms:Name`},
		{"an action without name", `{"Statement":{"Action":"kms:"}}`, `line 1, column 24: the action "kms:" is neither "*" nor of the form kms:Name`},
		{"an action with a space", `{"Statement":{"Action":"kms: Encrypt"}}`, `line 1, column 24: the action "kms: Encrypt" is neither "*" nor of the form kms:Name`},
		{"a wildcard for the service", `{"Statement":{"Action":"k*:Encrypt"}}`, `line 1, column 24: the action "k*:Encrypt" is neither "*" nor of the form kms:Name`},
		{"an empty action", `{"Statement":{"Action":""}}`, `line 1, column 24: the action "" is neither "*" nor of the form kms:Name`},
		{"a resource that is an id", `{"Statement":{"Resource":"6f0c5d1e"}}`, `line 1, column 26: the resource "6f0c5d1e" is neither "*" nor an ARN of six parts`},
		{"a resource of five parts", `{"Statement":{"Resource":"arn:aws:kms:*:*"}}`, `line 1, column 26: the resource "arn:aws:kms:*:*" is neither "*" nor an ARN of six parts`},
		{"no resources", `{"Statement":{"Resource":[]}}`, `line 1, column 26: Resource is an empty list`},

		// Principals.
		{"a principal that is a bare account", with(`"Principal":"` + home + `"`), `line 3, column 17: Principal must be "*" or an object with the member "AWS"`},
		{"a principal that is a list", with(`"Principal":["*"]`), `line 3, column 17: Principal must be "*" or an object with the member "AWS"`},
		{"a principal without members", with(`"Principal":{}`), `line 3, column 17: Principal must be "*" or an object with the member "AWS"`},
		{"no principals", principal(`[]`), `line 3, column 24: Principal is an empty list`},
		{"a principal that is null", principal(`null`), `line 3, column 24: Principal must be a string or a list of strings, not null`},
		{"an account of 11 digits", principal(`"11112222333"`), `line 3, column 24: the principal "11112222333" is not an account, a user or a role`},
		{"an account of letters", principal(`"11112222333a"`), `line 3, column 24: the principal "11112222333a" is not an account, a user or a role`},
		{"an empty principal", principal(`""`), `line 3, column 24: the principal "" is not an account, a user or a role`},
		{"a group", principal(`"arn:aws:iam::111122223333:group/all"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:group/all" is not an account, a user or a role`},
		{"a user without name", principal(`"arn:aws:iam::111122223333:user/"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:user/" is not an account, a user or a role`},
		{"a name with a space", principal(`"arn:aws:iam::111122223333:user/a b"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:user/a b" is not an account, a user or a role`},
		{"a path with a space", principal(`"arn:aws:iam::111122223333:user/a b/c"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:user/a b/c" is not an account, a user or a role`},
		{"a region in a principal", principal(`"arn:aws:iam:eu-central-1:111122223333:root"`), `line 3, column 24: the principal "arn:aws:iam:eu-central-1:111122223333:root" is not an account, a user or a role`},
		{"an ARN of another service", principal(`"arn:aws:s3::111122223333:user/a"`), `line 3, column 24: the principal "arn:aws:s3::111122223333:user/a" is not an account, a user or a role`},
		{"a wildcard in a principal", principal(`["*","arn:aws:iam::111122223333:role/*"]`), `line 3, column 29: the principal "arn:aws:iam::111122223333:role/*" has a wildcard; only "*" alone is one`},
		{"a question mark in a principal", principal(`"11112222333?"`), `line 3, column 24: the principal "11112222333?" has a wildcard; only "*" alone is one`},
		{"a unique id", principal(`"AIDAEXAMPLE"`), `line 3, column 24: the principal "AIDAEXAMPLE" is not an account, a user or a role`},

		// The text.
		{"nothing", ``, `line 1, column 1: the text ends where a value belongs`},
		{"only white space", " \n ", `line 2, column 2: the text ends where a value belongs`},
		{"a policy given twice", `{"Statement":[]} {}`, `line 1, column 18: text follows the end of the policy`},
		{"a duplicate member", "{\"Id\":\"a\",\n\"Id\":\"b\"}", `line 2, column 1: the member "Id" is given twice`},
		{"a duplicate by escape", `{"Id":"a","I\u0064":"b"}`, `line 1, column 11: the member "Id" is given twice`},
		{"a duplicate deep inside", `{"Statement":{"Principal":{"AWS":"*","AWS":"1"}}}`, `line 1, column 38: the member "AWS" is given twice`},
		{"a euro sign", "{\"Id\":\"\n€\"}", `line 2, column 1: the character U+20AC is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"a NUL", "{\"Id\":\"\x00\"}", `line 1, column 8: the character U+0000 is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"a byte order mark", "\ufeff{}", `line 1, column 1: the character U+FEFF is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"a replacement character", "{\"Id\":\"\ufffd\"}", `line 1, column 8: the character U+FFFD is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"Latin-1 octets", "{\"Id\":\"\xff\"}", `line 1, column 8: the text is not UTF-8`},
		{"columns are characters", "{\"Id\":\"ÿÿ\",\"x\":1}", `line 1, column 12: a policy has no member "x"`},
		{"an escaped euro sign", `{"Id":"\u20ac"}`, `line 1, column 8: the escaped character U+20AC is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"an escaped NUL", `{"Id":"\u0000"}`, `line 1, column 8: the escaped character U+0000 is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"an escaped surrogate", `{"Id":"\ud83d\ude00"}`, `line 1, column 8: the escaped character U+D83D is not allowed: only TAB, LF, CR and U+0020 to U+00FF are`},
		{"a bad escape", `{"Id":"\x41"}`, `line 1, column 8: this escape sequence is not JSON`},
		{"a short escape", `{"Id":"\u41"}`, `line 1, column 8: this escape sequence is not JSON`},
		{"a signed escape", `{"Id":"\u+041"}`, `line 1, column 8: this escape sequence is not JSON`},
		{"an escape at the end", `{"Id":"\`, `line 1, column 9: the text ends inside a string`},
		{"an open string", `{"Id":"a`, `line 1, column 9: the text ends inside a string`},
		{"a line break in a string", "{\"Id\":\"a\nb\"}", `line 1, column 9: a string may not hold a raw line break or tab; write \n, \r or \t`},
		{"a single quote", `{'Id':"a"}`, `line 1, column 2: the name of a member, in double quotes, belongs here`},
		{"a comma too many", `{"Id":"a",}`, `line 1, column 11: the name of a member, in double quotes, belongs here`},
		{"no comma", `{"Id":"a" "Version":""}`, `line 1, column 11: a comma or } belongs here`},
		{"no comma in a list", `{"Statement":[{} {}]}`, `line 1, column 18: a comma or ] belongs here`},
		{"no colon", `{"Id" "a"}`, `line 1, column 7: a colon belongs here`},
		{"a comment", "{\n// note\n}", `line 2, column 1: the name of a member, in double quotes, belongs here`},
		{"a word", `{"Id":yes}`, `line 1, column 7: a value belongs here`},
		{"a number with a leading zero", `{"Id":01}`, `line 1, column 7: a value belongs here`},
		{"an open object", `{"Id":"a"`, `line 1, column 10: a comma or } belongs here`},
		{"a deep list", `{"Statement":` + strings.Repeat("[", 100), `line 1, column 45: values are nested more than 32 deep`},
		{"a deep object", strings.Repeat(`{"a":`, 10000), ``},
		{"too long", strings.Repeat(" ", policy.MaxBytes) + "\n{}", `line 1, column 32769: the document has 32771 bytes, more than 32768`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := policy.Parse(tt.document)
			var e *policy.Error
			if p != nil || !errors.As(err, &e) {
				t.Fatalf("Parse gives %v, %v; want an *Error", p, err)
			}
			if tt.want != "" && e.Error() != "key policy, "+tt.want {
				t.Errorf("error is\n%v\nwant\nkey policy, %s", e, tt.want)
			}
		})
	}
}
