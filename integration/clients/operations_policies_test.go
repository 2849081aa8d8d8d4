package clients

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// lockOut is a key policy under which nobody could ever put another one; open gives the account everything.
const (
	lockOut = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + account + `:root"}, "Action": "kms:Encrypt", "Resource": "*"}]}`
	open    = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + account + `:root"}, "Action": "kms:*", "Resource": "*"}]}`
)

var policyOperations = []operation{
	{"PutKeyPolicy", func(b *bench) {
		key := b.newKey()
		must(b.kms.PutKeyPolicy(b.ctx, &kms.PutKeyPolicyInput{KeyId: key, Policy: aws.String(open)}))(b.t)
		if out := must(b.kms.GetKeyPolicy(b.ctx, &kms.GetKeyPolicyInput{KeyId: key, PolicyName: aws.String("default")}))(b.t); *out.Policy != open || *out.PolicyName != "default" {
			b.t.Errorf("%s: %s", *out.PolicyName, *out.Policy)
		}
	}, []refusal{
		{"a policy that is none", func(b *bench) error { return putPolicy(b, "{}") }, malformed, ""},
		{"a policy that locks the caller out", func(b *bench) error { return putPolicy(b, lockOut) }, malformed,
			"The new key policy will not allow you to update the key policy in the future."},
		{"a policy for somebody who is not there", func(b *bench) error {
			return putPolicy(b, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ["`+account+`", "arn:aws:iam::`+account+`:user/nobody"]}, "Action": "kms:*", "Resource": "*"}]}`)
		}, malformed, "Policy contains a statement with one or more invalid principals."},
		{"characters that a policy cannot have", func(b *bench) error { return putPolicy(b, open+"\u2028") }, validation, "at 'policy' failed to satisfy constraint"},
	}},
	{"GetKeyPolicy", func(b *bench) {
		out := must(b.kms.GetKeyPolicy(b.ctx, &kms.GetKeyPolicyInput{KeyId: b.newKey()}))(b.t)
		want := `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "arn:aws:iam::` + account + `:root"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
		if *out.Policy != want {
			b.t.Errorf("the policy of a key that was made without one is %s", *out.Policy)
		}
	}, []refusal{
		{"a policy of another name", func(b *bench) error {
			return did(b.kms.GetKeyPolicy(b.ctx, &kms.GetKeyPolicyInput{KeyId: b.newKey(), PolicyName: aws.String("other")}))
		}, notFound, ""},
		{"an alias", func(b *bench) error {
			return did(b.kms.GetKeyPolicy(b.ctx, &kms.GetKeyPolicyInput{KeyId: anAlias}))
		}, invalidARN, noAliases},
	}},
	{"ListKeyPolicies", func(b *bench) {
		if out := must(b.kms.ListKeyPolicies(b.ctx, &kms.ListKeyPoliciesInput{KeyId: b.newKey()}))(b.t); len(out.PolicyNames) != 1 || out.PolicyNames[0] != "default" {
			b.t.Error(out.PolicyNames)
		}
	}, []refusal{
		{"a key that there is not", func(b *bench) error {
			return did(b.kms.ListKeyPolicies(b.ctx, &kms.ListKeyPoliciesInput{KeyId: aws.String(absent)}))
		}, notFound, doesNotExist},
	}},
}

func putPolicy(b *bench, policy string) error {
	return did(b.kms.PutKeyPolicy(b.ctx, &kms.PutKeyPolicyInput{KeyId: b.newKey(), Policy: &policy}))
}
