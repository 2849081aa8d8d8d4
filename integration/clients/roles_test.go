package clients

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The SDK assumes a role by itself, and is then what the role is.
func TestTheSDKAssumesARole(t *testing.T) {
	admin := newBench(t)
	key := admin.newKey()
	role := admin.role(allow("*", "kms:Encrypt"))
	sourceARN, source := admin.user(allow(*role, "sts:AssumeRole"))
	provider := stscreds.NewAssumeRoleProvider(source.sts, *role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName, o.Duration = "nightly", 15*time.Minute
	})
	b := newBenchOf(t, aws.NewCredentialsCache(provider))
	b.seal(key, tenant)
	b.seal(key, tenant)
	session := "arn:aws:sts::" + account + ":assumed-role/" + (*role)[len("arn:aws:iam::"+account+":role/"):] + "/nightly"
	if who := must(b.sts.GetCallerIdentity(b.ctx, &sts.GetCallerIdentityInput{}))(t); *who.Arn != session {
		t.Errorf("it is %s, want %s", *who.Arn, session)
	}
	b.refused("what the role may not", did(b.kms.DisableKey(b.ctx, &kms.DisableKeyInput{KeyId: key})), accessDenied,
		"User: "+session+" is not authorized to perform: kms:DisableKey on resource: "+*key)
	source.refused("what the user may not", did(source.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})), accessDenied, "User: "+*sourceARN)
	if n := len(source.wire.all()); n != 2 { // AssumeRole once, and what was refused
		t.Errorf("the source of the credentials was asked %d times", n)
	}
	keyhold(t, "call", "RevokeSessions", `{"Principal": "`+*role+`"}`)
	if err := did(b.kms.Encrypt(b.ctx, &kms.EncryptInput{KeyId: key, Plaintext: []byte("x")})); err == nil {
		t.Error("a session that was revoked is let in")
	}
}

// A profile says the same in a file, which the AWS CLI and all SDKs read.
func TestAProfileWithARoleIsEnough(t *testing.T) {
	admin := newBench(t)
	key, role := admin.newKey(), admin.role(allow("*", "kms:Encrypt"))
	profile := file(t, "config", `[profile night]
role_arn = `+*role+`
credential_source = Environment
role_session_name = nightly
duration_seconds = 900
`)
	from, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{profile}), config.WithSharedConfigProfile("night"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBenchOf(t, from.Credentials)
	b.seal(key, nil)
	b.refused("what the role may not", describe(b, *key), accessDenied, ":assumed-role/")
}
