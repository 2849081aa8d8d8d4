package clients

import (
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

var sessionOperations = []operation{
	{"GetCallerIdentity", func(b *bench) {
		out := must(b.sts.GetCallerIdentity(b.ctx, &sts.GetCallerIdentityInput{}))(b.t)
		if *out.Account != account || *out.Arn != *somebody || !strings.HasPrefix(*out.UserId, "AIDA") {
			b.t.Errorf("%s, %s, %s", *out.Account, *out.Arn, *out.UserId)
		}
	}, []refusal{
		{"a wrong secret", func(b *bench) error {
			return identityOf(b, credentials.NewStaticCredentialsProvider(shared.env["AWS_ACCESS_KEY_ID"], "wrong", ""))
		}, coded("SignatureDoesNotMatch"), ""},
		{"an access key that there is not", func(b *bench) error {
			return identityOf(b, credentials.NewStaticCredentialsProvider("AKIAXXXXXXXXXXXXXXXX", "wrong", ""))
		}, coded("InvalidClientTokenId"), "The security token included in the request is invalid"},
		{"a session token that is none", func(b *bench) error {
			return identityOf(b, credentials.NewStaticCredentialsProvider("ASIAXXXXXXXXXXXXXXXX", "wrong", "token"))
		}, coded("InvalidClientTokenId"), "The security token included in the request is invalid"},
	}},
	{"AssumeRole", func(b *bench) {
		role := b.role(allow("*", "kms:ListKeys"))
		out := must(b.sts.AssumeRole(b.ctx, &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: aws.String("shift-1"), DurationSeconds: aws.Int32(900)}))(b.t)
		want := strings.Replace(strings.Replace(*role, ":iam:", ":sts:", 1), ":role/", ":assumed-role/", 1) + "/shift-1"
		if lasts := time.Until(*out.Credentials.Expiration); *out.AssumedRoleUser.Arn != want || lasts < 14*time.Minute || lasts > 15*time.Minute+time.Second ||
			!strings.HasPrefix(*out.Credentials.AccessKeyId, "ASIA") || *out.Credentials.SessionToken == "" || !strings.HasSuffix(*out.AssumedRoleUser.AssumedRoleId, ":shift-1") {
			b.t.Errorf("%+v for %s", out.AssumedRoleUser, lasts)
		}
		who := newBenchOf(b.t, credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken))
		if out := must(who.sts.GetCallerIdentity(b.ctx, &sts.GetCallerIdentityInput{}))(b.t); *out.Arn != want {
			b.t.Errorf("the session is %s's", *out.Arn)
		}
	}, []refusal{
		{"a role that there is not", func(b *bench) error {
			return assume(b, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/nobody")})
		}, coded("AccessDenied"), "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::" + account + ":role/nobody"},
		{"too short a time", func(b *bench) error {
			return assume(b, &sts.AssumeRoleInput{RoleArn: b.role(allow("*", "kms:ListKeys")), DurationSeconds: aws.Int32(899)})
		}, coded("ValidationError"), "Member must have value greater than or equal to 900"},
		{"a name that no session can have", func(b *bench) error {
			return assume(b, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/nobody"), RoleSessionName: aws.String("a/b")})
		}, coded("ValidationError"), "Value 'a/b' at 'roleSessionName' failed to satisfy constraint"},
		{"less than the role may", func(b *bench) error {
			return assume(b, &sts.AssumeRoleInput{RoleArn: b.role(allow("*", "kms:ListKeys")), Policy: aws.String("{}")})
		}, coded("ValidationError"), "Policy is not supported by this server"},
		{"with tags", func(b *bench) error {
			return assume(b, &sts.AssumeRoleInput{RoleArn: b.role(allow("*", "kms:ListKeys")), Tags: []ststypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
		}, coded("ValidationError"), "Tags is not supported by this server"},
	}},
}

func identityOf(b *bench, who aws.CredentialsProvider) error {
	return did(newBenchOf(b.t, who).sts.GetCallerIdentity(b.ctx, &sts.GetCallerIdentityInput{}))
}

func assume(b *bench, in *sts.AssumeRoleInput) error {
	if in.RoleSessionName == nil {
		in.RoleSessionName = aws.String("shift-1")
	}
	return did(b.sts.AssumeRole(b.ctx, in))
}
