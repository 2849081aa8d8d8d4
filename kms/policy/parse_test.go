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
	if _, err := policy.Parse(policy.KeyPolicy, full); err != nil {
		t.Error(err)
	}
	if _, err := policy.Parse(policy.KeyPolicy, full+" "); err == nil {
		t.Error("one byte more was accepted")
	}
}

func TestRefusals(t *testing.T) {
	with := func(members string) string {
		return "{\n  \"Statement\": [{\"Effect\":\"Allow\",\"Action\":\"kms:*\",\"Resource\":\"*\",\n    " + members + "}]}"
	}
	principal := func(p string) string { return with(`"Principal":{"AWS":` + p + `}`) }
	condition := func(c string) string { return with(`"Condition":{` + c + `}`) }
	variable := func(resource string) string {
		return `{"Version":"2012-10-17","Statement":{"Resource":"` + resource + `"}}`
	}
	tests := []struct {
		name     string
		document string
		want     string
	}{
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
		{"an account of 11 digits", principal(`"11112222333"`), `line 3, column 24: the principal "11112222333" is not an account, a user, a role or a session`},
		{"an account of letters", principal(`"11112222333a"`), `line 3, column 24: the principal "11112222333a" is not an account, a user, a role or a session`},
		{"an empty principal", principal(`""`), `line 3, column 24: the principal "" is not an account, a user, a role or a session`},
		{"a group", principal(`"arn:aws:iam::111122223333:group/all"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:group/all" is a group; name its users or a role`},
		{"a user without name", principal(`"arn:aws:iam::111122223333:user/"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:user/" is not an account, a user, a role or a session`},
		{"a name with a space", principal(`"arn:aws:iam::111122223333:user/a b"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:user/a b" is not an account, a user, a role or a session`},
		{"a path with a space", principal(`"arn:aws:iam::111122223333:user/a b/c"`), `line 3, column 24: the principal "arn:aws:iam::111122223333:user/a b/c" is not an account, a user, a role or a session`},
		{"a region in a principal", principal(`"arn:aws:iam:eu-central-1:111122223333:root"`), `line 3, column 24: the principal "arn:aws:iam:eu-central-1:111122223333:root" is not an account, a user, a role or a session`},
		{"an ARN of another service", principal(`"arn:aws:s3::111122223333:user/a"`), `line 3, column 24: the principal "arn:aws:s3::111122223333:user/a" is not an account, a user, a role or a session`},
		{"a wildcard in a principal", principal(`["*","arn:aws:iam::111122223333:role/*"]`), `line 3, column 29: the principal "arn:aws:iam::111122223333:role/*" has a wildcard; only "*" alone is one`},
		{"a question mark in a principal", principal(`"11112222333?"`), `line 3, column 24: the principal "11112222333?" has a wildcard; only "*" alone is one`},

		{"a principal in a statement that has one", with(`"Principal":"*","NotPrincipal":"*"`), `line 3, column 21: a statement has Principal or NotPrincipal, not both`},
		{"an empty service", with(`"Principal":{"Service":[]}`), `line 3, column 28: Principal is an empty list`},
		{"a federated user", principal(`"arn:aws:sts::111122223333:federated-user/bob"`), `line 3, column 24: the principal "arn:aws:sts::111122223333:federated-user/bob" is not an account, a user, a role or a session`},
		{"a session without name", principal(`"arn:aws:sts::111122223333:assumed-role/app"`), `line 3, column 24: the principal "arn:aws:sts::111122223333:assumed-role/app" is not an account, a user, a role or a session`},
		{"a session of a short name", principal(`"arn:aws:sts::111122223333:assumed-role/app/x"`), `line 3, column 24: the principal "arn:aws:sts::111122223333:assumed-role/app/x" is not an account, a user, a role or a session`},
		{"a session of a role with a path", principal(`"arn:aws:sts::111122223333:assumed-role/a/b/c"`), `line 3, column 24: the principal "arn:aws:sts::111122223333:assumed-role/a/b/c" is not an account, a user, a role or a session`},
		{"every session", principal(`"arn:aws:sts::111122223333:assumed-role/app/*"`), `line 3, column 24: the principal "arn:aws:sts::111122223333:assumed-role/app/*" has a wildcard; only "*" alone is one`},
		{"a unique id of a group", principal(`"AGPAEXAMPLE"`), `line 3, column 24: the principal "AGPAEXAMPLE" is not an account, a user, a role or a session`},
		{"a unique id in small letters", principal(`"AIDAexample"`), `line 3, column 24: the principal "AIDAexample" is not an account, a user, a role or a session`},
		{"a unique id of a user's session", principal(`"AIDAEXAMPLE:one"`), `line 3, column 24: the principal "AIDAEXAMPLE:one" is not an account, a user, a role or a session`},

		// Elements in two forms, and places where variables may be.
		{"an action in a statement that has one", with(`"NotAction":"kms:*"`), `line 3, column 5: a statement has Action or NotAction, not both`},
		{"a resource in a statement that has one", with(`"NotResource":"*"`), `line 3, column 5: a statement has Resource or NotResource, not both`},
		{"an open variable", variable("arn:aws:kms:*:*:key/${aws:username"), `line 1, column 49: "arn:aws:kms:*:*:key/${aws:username" has a policy variable that is neither ${key} nor ${key, 'default'}`},
		{"a variable without owner", variable("arn:aws:kms:*:*:key/${username}"), `line 1, column 49: "arn:aws:kms:*:*:key/${username}" has a policy variable that is neither ${key} nor ${key, 'default'}`},
		{"a default without quotes", variable("arn:aws:kms:*:*:key/${a:b,c}"), `line 1, column 49: "arn:aws:kms:*:*:key/${a:b,c}" has a policy variable that is neither ${key} nor ${key, 'default'}`},
		{"a default for a star", variable("arn:aws:kms:*:*:key/${*,'c'}"), `line 1, column 49: "arn:aws:kms:*:*:key/${*,'c'}" has a policy variable that is neither ${key} nor ${key, 'default'}`},
		{"a costly pattern", variable("arn:aws:kms:*" + strings.Repeat("?", 300) + "*:*:key/*"), `line 1, column 49: more than 256 characters with ? among them are between two *`},

		// Conditions.
		{"a condition that is a list", with(`"Condition":[]`), `line 3, column 17: Condition must be an object, not a list`},
		{"an unknown operator", condition(`"StringSame":{"a:b":"c"}`), `line 3, column 18: there is no condition operator "StringSame"`},
		{"two set operators", condition(`"ForAllValues:ForAnyValue:StringEquals":{"a:b":"c"}`), `line 3, column 18: there is no condition operator "ForAllValues:ForAnyValue:StringEquals"`},
		{"NullIfExists", condition(`"NullIfExists":{"a:b":true}`), `line 3, column 18: there is no condition operator "NullIfExists"`},
		{"a set operator on Null", condition(`"ForAnyValue:Null":{"a:b":true}`), `line 3, column 18: there is no condition operator "ForAnyValue:Null"`},
		{"an operator that is a string", condition(`"Bool":"true"`), `line 3, column 25: Bool must be an object of condition keys, not a string`},
		{"an operator twice", condition(`"Bool":{"a:b":true},"bool":{"a:c":true}`), `line 3, column 38: the operator "bool" is given twice`},
		{"a key twice", condition(`"Bool":{"a:b":true,"A:B":true}`), `line 3, column 37: the condition key "A:B" is given twice`},
		{"a key without owner", condition(`"Bool":{"SecureTransport":true}`), `line 3, column 26: "SecureTransport" is not a condition key; they are of the form kms:Name`},
		{"a key that lacks its part", condition(`"StringEquals":{"kms:EncryptionContext:":"x"}`), `line 3, column 34: "kms:EncryptionContext:" is not a condition key; they are of the form kms:Name`},
		{"no values", condition(`"StringEquals":{"a:b":[]}`), `line 3, column 40: StringEquals has no values for a:b`},
		{"a value that is null", condition(`"StringEquals":{"a:b":[null]}`), `line 3, column 41: StringEquals compares with a string, a number or a boolean, not null`},
		{"a list in a list", condition(`"StringEquals":{"a:b":[["x"]]}`), `line 3, column 41: StringEquals compares with a string, a number or a boolean, not a list`},
		{"a bad number", condition(`"NumericEquals":{"a:b":["1","0x1"]}`), `line 3, column 46: "0x1" is not a decimal number`},
		{"no number", condition(`"NumericEquals":{"a:b":"NaN"}`), `line 3, column 41: "NaN" is not a decimal number`},
		{"infinity", condition(`"NumericEquals":{"a:b":"-Inf"}`), `line 3, column 41: "-Inf" is not a decimal number`},
		{"a number without whole part", condition(`"NumericEquals":{"a:b":".5"}`), `line 3, column 41: ".5" is not a decimal number`},
		{"a huge exponent", condition(`"NumericEquals":{"a:b":1e99999999999}`), `line 3, column 41: "1e99999999999" is not a decimal number`},
		{"a boolean as number", condition(`"NumericEquals":{"a:b":true}`), `line 3, column 41: "true" is not a decimal number`},
		{"a bad date", condition(`"DateLessThan":{"a:b":"2026-02-30T00:00:00Z"}`), `line 3, column 40: "2026-02-30T00:00:00Z" is neither a date such as 2026-01-31T12:00:00Z nor seconds since 1970`},
		{"a date without zone", condition(`"DateLessThan":{"a:b":"2026-02-03T00:00:00"}`), `line 3, column 40: "2026-02-03T00:00:00" is neither a date such as 2026-01-31T12:00:00Z nor seconds since 1970`},
		{"an hour of one digit", condition(`"DateLessThan":{"a:b":"2026-02-03T1:00:00Z"}`), `line 3, column 40: "2026-02-03T1:00:00Z" is neither a date such as 2026-01-31T12:00:00Z nor seconds since 1970`},
		{"a comma before a fraction", condition(`"DateLessThan":{"a:b":"2026-02-03T01:00:00,5Z"}`), `line 3, column 40: "2026-02-03T01:00:00,5Z" is neither a date such as 2026-01-31T12:00:00Z nor seconds since 1970`},
		{"a year alone", condition(`"DateLessThan":{"a:b":2030}`), `line 3, column 40: "2030" is neither a date such as 2026-01-31T12:00:00Z nor seconds since 1970`},
		{"a bad boolean", condition(`"Bool":{"a:b":"yes"}`), `line 3, column 32: "yes" is neither true nor false`},
		{"a bad boolean for Null", condition(`"Null":{"a:b":0}`), `line 3, column 32: "0" is neither true nor false`},
		{"bad base64", condition(`"BinaryEquals":{"a:b":"AA="}`), `line 3, column 40: "AA=" is not base64`},
		{"base64 with a line break", condition(`"BinaryEquals":{"a:b":"AA\n=="}`), `line 3, column 40: "AA\n==" is not base64`},
		{"base64 with stray bits", condition(`"BinaryEquals":{"a:b":"AB=="}`), `line 3, column 40: "AB==" is not base64`},
		{"a bad range", condition(`"IpAddress":{"a:b":"10.0.0.0/33"}`), `line 3, column 37: "10.0.0.0/33" is neither an IP address nor a range such as 192.0.2.0/24`},
		{"a bad address", condition(`"NotIpAddress":{"a:b":"10.0.0.256"}`), `line 3, column 40: "10.0.0.256" is neither an IP address nor a range such as 192.0.2.0/24`},
		{"an address with a zone", condition(`"IpAddress":{"a:b":"fe80::1%eth0"}`), `line 3, column 37: "fe80::1%eth0" is neither an IP address nor a range such as 192.0.2.0/24`},
		{"a range half of which is IPv4", condition(`"IpAddress":{"a:b":"::ffff:0.0.0.0/95"}`), `line 3, column 37: "::ffff:0.0.0.0/95" is neither an IP address nor a range such as 192.0.2.0/24`},
		{"a short ARN", condition(`"ArnLike":{"a:b":"arn:aws:iam::*"}`), `line 3, column 35: "arn:aws:iam::*" is not an ARN of six parts`},

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
			p, err := policy.Parse(policy.KeyPolicy, tt.document)
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

func TestEachKindHasItsElements(t *testing.T) {
	const who, what, about = `"Principal":"*"`, `"Action":"kms:*"`, `"Resource":"*"`
	tests := []struct {
		name    string
		kind    policy.Kind
		members []string
		want    string // empty: accepted
	}{
		{"a key policy", policy.KeyPolicy, []string{who, what, about}, ""},
		{"an identity policy", policy.IdentityPolicy, []string{what, about}, ""},
		{"a trust policy", policy.TrustPolicy, []string{who, what}, ""},
		{"a key policy without Principal", policy.KeyPolicy, []string{what, about}, "key policy, line 1, column 15: the statement has no Principal"},
		{"a key policy without Resource", policy.KeyPolicy, []string{who, what}, "key policy, line 1, column 15: the statement has no Resource"},
		{"an identity policy with Principal", policy.IdentityPolicy, []string{who, what, about}, "identity policy, line 1, column 33: an identity policy has no Principal: it is about whom it is attached to"},
		{"an identity policy with NotPrincipal", policy.IdentityPolicy, []string{`"NotPrincipal":"*"`, what, about}, "identity policy, line 1, column 33: an identity policy has no NotPrincipal: it is about whom it is attached to"},
		{"an identity policy without Resource", policy.IdentityPolicy, []string{what}, "identity policy, line 1, column 15: the statement has no Resource"},
		{"an identity policy without Action", policy.IdentityPolicy, []string{about}, "identity policy, line 1, column 15: the statement has no Action"},
		{"a trust policy with Resource", policy.TrustPolicy, []string{about, who, what}, "trust policy, line 1, column 33: a trust policy has no Resource: it is about the role that it belongs to"},
		{"a trust policy with NotResource", policy.TrustPolicy, []string{`"NotResource":"*"`}, "trust policy, line 1, column 33: a trust policy has no NotResource: it is about the role that it belongs to"},
		{"a trust policy without Principal", policy.TrustPolicy, []string{what}, "trust policy, line 1, column 15: the statement has no Principal"},
		{"no kind", 0, nil, "policy, line 1, column 1: there is no such kind of policy"},
		{"a kind too many", policy.TrustPolicy + 1, nil, "policy, line 1, column 1: there is no such kind of policy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			document := `{"Statement":[{"Effect":"Allow",` + strings.Join(tt.members, ",") + `}]}`
			p, err := policy.Parse(tt.kind, document)
			switch {
			case tt.want == "" && (err != nil || p.Kind() != tt.kind):
				t.Errorf("refused: %v", err)
			case tt.want != "" && (err == nil || err.Error() != tt.want):
				t.Errorf("error is\n%v, want\n%s", err, tt.want)
			}
		})
	}
}

func TestClassesOfErrors(t *testing.T) {
	for document, want := range map[string]policy.Class{
		`{"Statement":[`: policy.ClassSyntax,
		`{"Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`:                           policy.ClassPrincipal,
		`{"Statement":{"Principal":"alice"}}`:                                                        policy.ClassPrincipal,
		`{"Statement":{"Principal":{"AWS":"alice"}}}`:                                                policy.ClassPrincipal,
		`{"Statement":{"Principal":{"AWS":"arn:aws:iam::111122223333:role/*"}}}`:                     policy.ClassPrincipal,
		`{"Statement":{"NotPrincipal":{"AWS":"arn:aws:iam::111122223333:group/all"}}}`:               policy.ClassARN,
		`{"Statement":{"Principal":"*","Action":"kms:*","Effect":"Allow","Resource":"6f0c5d1e"}}`:    policy.ClassSyntax,
		`{"Statement":{"Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/one"},"A":1}}`: policy.ClassSyntax,
	} {
		_, err := policy.Parse(policy.KeyPolicy, document)
		var e *policy.Error
		if !errors.As(err, &e) || e.Class != want || e.Kind != policy.KeyPolicy {
			t.Errorf("%s is refused with %#v, want class %d", document, err, want)
		}
	}
}
