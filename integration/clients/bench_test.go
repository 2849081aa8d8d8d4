package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// bench is one caller with the clients of the AWS SDK for Go, as the SDK sets itself up from the environment.
type bench struct {
	t      *testing.T
	ctx    context.Context
	config aws.Config
	wire   *wire
	kms    *kms.Client
	sts    *sts.Client
}

// newBench is the administrator.
func newBench(t *testing.T) *bench { return newBenchOf(t, nil) }

func newBenchOf(t *testing.T, who aws.CredentialsProvider) *bench {
	t.Helper()
	b := &bench{t: t, ctx: t.Context(), wire: &wire{t: t}}
	options := []func(*config.LoadOptions) error{config.WithHTTPClient(&http.Client{Transport: b.wire})}
	if who != nil {
		options = append(options, config.WithCredentialsProvider(who))
	}
	var err error
	if b.config, err = config.LoadDefaultConfig(b.ctx, options...); err != nil {
		t.Fatal(err)
	}
	b.kms, b.sts = kms.NewFromConfig(b.config), sts.NewFromConfig(b.config)
	return b
}

// must ends the test when a call that has to succeed does not.
func must[O any](out O, err error) func(t *testing.T) O {
	return func(t *testing.T) O {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

// did keeps the error alone.
func did[O any](_ O, err error) error { return err }

// newKey makes a key and answers its ARN.
func (b *bench) newKey() *string {
	b.t.Helper()
	return must(b.kms.CreateKey(b.ctx, &kms.CreateKeyInput{}))(b.t).KeyMetadata.Arn
}

// newAlias makes an alias of a key.
func (b *bench) newAlias(key *string) *string {
	b.t.Helper()
	alias := aws.String("alias/" + unique("alias"))
	must(b.kms.CreateAlias(b.ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: key}))(b.t)
	return alias
}

// seal encrypts a few octets.
func (b *bench) seal(key *string, encryptionContext map[string]string) []byte {
	b.t.Helper()
	in := &kms.EncryptInput{KeyId: key, Plaintext: []byte("orders"), EncryptionContext: encryptionContext}
	return must(b.kms.Encrypt(b.ctx, in))(b.t).CiphertextBlob
}

var drawn atomic.Int64

// unique is a name that no other test has.
func unique(kind string) string { return fmt.Sprintf("%s-%d", kind, drawn.Add(1)) }

// idOf is the id in a key's ARN.
func idOf(arn *string) string { return (*arn)[strings.LastIndex(*arn, "/")+1:] }

// user makes a user who may do nothing but what a policy gives it, and answers its ARN and a bench of its own.
func (b *bench) user(policy string) (arn *string, its *bench) {
	b.t.Helper()
	name := unique("user")
	keyhold(b.t, "principal", "create", "user", name, "--policy-file", "policy="+file(b.t, "policy.json", policy))
	var key struct{ AccessKeyId, SecretAccessKey string }
	if err := json.Unmarshal(keyhold(b.t, "access-key", "create", name, "-o", "json"), &key); err != nil {
		b.t.Fatal(err)
	}
	who := credentials.NewStaticCredentialsProvider(key.AccessKeyId, key.SecretAccessKey, "")
	return aws.String("arn:aws:iam::" + account + ":user/" + name), newBenchOf(b.t, who)
}

// role makes a role that everybody in the account may assume whom a policy of his own lets, and answers its ARN.
func (b *bench) role(policy string) (arn *string) {
	b.t.Helper()
	name := unique("role")
	trust := `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "` + account + `"}}}`
	keyhold(b.t, "principal", "create", "role", name, "--trust", file(b.t, "trust.json", trust),
		"--policy-file", "policy="+file(b.t, "policy.json", policy))
	return aws.String("arn:aws:iam::" + account + ":role/" + name)
}

// allow is an identity policy that allows actions on a resource.
func allow(resource string, actions ...string) string {
	list, _ := json.Marshal(actions) // a list of strings
	return `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "` + resource + `", "Action": ` + string(list) + `}]}`
}

// wanted is the error that a call must end with.
type wanted struct {
	name string
	is   func(error) bool
}

// typed is an error that the SDK has a type for.
func typed[E error]() wanted {
	var e E
	return wanted{fmt.Sprintf("%T", e), func(err error) bool { return errors.As(err, new(E)) }}
}

// coded is an error that the SDK knows by its code alone.
func coded(code string) wanted {
	return wanted{code, func(err error) bool {
		var e smithy.APIError
		return errors.As(err, &e) && e.ErrorCode() == code
	}}
}

// says is an API error's message.
func says(err error) string {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return ""
	}
	return e.ErrorMessage()
}

// refused checks that a call ended with an error of the type and with these words in its message; "-" is no message at all.
func (b *bench) refused(what string, err error, want wanted, words string) {
	b.t.Helper()
	switch {
	case err == nil || !want.is(err):
		b.t.Errorf("%s: %v, want %s", what, err, want.name)
	case words == "-" && says(err) != "":
		b.t.Errorf("%s: AWS says nothing, and this says %q", what, says(err))
	case words != "-" && !strings.Contains(says(err), words):
		b.t.Errorf("%s: %q, want %q", what, says(err), words)
	}
}
