package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// shell runs a script with the AWS CLI at hand as kms and as sts, against a throw-away server, and answers what it printed.
// The endpoint is a flag, because versions of the AWS CLI that distributions still have do not read it from the environment.
func shell(t *testing.T, dir, script string) string {
	t.Helper()
	cmd := exec.Command("sh", "-e", "-c", `. "$DIR/data/dev.env"
kms() { aws kms --endpoint-url "$AWS_ENDPOINT_URL_KMS" --region "$AWS_REGION" --output text "$@"; }
sts() { aws sts --endpoint-url "$AWS_ENDPOINT_URL_STS" --region "$AWS_REGION" --output text "$@"; }
`+script)
	cmd.Env = append(os.Environ(), "DIR="+dir, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_PAGER=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

// What people read and what scripts look for: a page at a time, times, and errors as they are printed for AWS.
func TestTheAWSCLIPrintsWhatItPrintsForAWS(t *testing.T) {
	t.Parallel() // Python is slow to start, and most of the time goes there
	dir := devDir(t)
	s := start(t, program(t, filepath.Join(dir, "data"), "dev", "--listen", "127.0.0.1:0", "--region", "eu-west-1"))
	said := shell(t, dir, `
kms create-key --query KeyMetadata.KeyId >/dev/null
key=$(kms create-key --description "key 2" --query KeyMetadata.KeyId)
kms describe-key --key-id "$key" --output json
echo "$(kms list-keys --page-size 1 --query 'Keys[].KeyId' | wc -w) keys"
if kms describe-key --key-id alias/nobody; then exit 1; fi
if kms encrypt --key-id "$key" --plaintext "$(head -c 5000 /dev/zero | tr '\0' x | base64 -w 0)"; then exit 1; fi
kms disable-key --key-id "$key"
if kms generate-data-key --key-id "$key" --key-spec AES_256; then exit 1; fi
`)
	for _, want := range []string{
		`"Description": "key 2"`, `"KeySpec": "SYMMETRIC_DEFAULT"`, `"CreationDate": `, `"MultiRegion": false`, "2 keys\n",
		"An error occurred (NotFoundException) when calling the DescribeKey operation: Alias arn:aws:kms:eu-west-1:111122223333:alias/nobody is not found.\n",
		"An error occurred (ValidationException) when calling the Encrypt operation: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096\n",
		"An error occurred (DisabledException) when calling the GenerateDataKey operation: arn:aws:kms:eu-west-1:111122223333:key/",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	s.stop()
}

// A session of a role works with the AWS CLI and with curl, which signs the session's token too.
func TestTheAWSCLIAssumesARole(t *testing.T) {
	t.Parallel() // Python is slow to start, and most of the time goes there
	dir := devDir(t)
	data := filepath.Join(dir, "data")
	s := start(t, program(t, data, "dev", "--listen", "127.0.0.1:0", "--region", "eu-west-1"))
	for name, text := range map[string]string{
		"trust.json": `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}]}`,
		"use.json":   `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:ListKeys", "kms:GenerateRandom"], "Resource": "*"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, talk := keyhold(t, data, "principal", "create", "role", "night", "--trust", filepath.Join(dir, "trust.json"), "--policy-file", "use="+filepath.Join(dir, "use.json")); code != 0 {
		t.Fatalf("%d: %s", code, talk)
	}
	said := shell(t, dir, `
curl_kms() { # operation body
	curl --silent --show-error --aws-sigv4 "aws:amz:$AWS_REGION:kms" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -H "X-Amz-Security-Token: $AWS_SESSION_TOKEN" \
		-H 'Content-Type: application/x-amz-json-1.1' -H "X-Amz-Target: TrentService.$1" -d "$2" -w ' %{http_code}\n' "$AWS_ENDPOINT_URL_KMS/"
}
if sts assume-role --role-arn arn:aws:iam::111122223333:role/absent --role-session-name shift; then exit 1; fi
set -- $(sts assume-role --role-arn arn:aws:iam::111122223333:role/night --role-session-name shift --query 'Credentials.[AccessKeyId, SecretAccessKey, SessionToken]')
export AWS_ACCESS_KEY_ID="$1" AWS_SECRET_ACCESS_KEY="$2" AWS_SESSION_TOKEN="$3"
sts get-caller-identity --query Arn
kms generate-random --number-of-bytes 16 --query Plaintext | base64 -d | wc -c
if kms create-key; then exit 1; fi
curl_kms ListKeys '{}'
curl_kms DescribeKey '{"KeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}'
AWS_SESSION_TOKEN="${AWS_SESSION_TOKEN}A" curl_kms ListKeys '{}'
`)
	const session = "arn:aws:sts::111122223333:assumed-role/night/shift"
	for _, want := range []string{
		"An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::111122223333:user/dev is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/absent",
		session + "\n", "\n16\n",
		"An error occurred (AccessDeniedException) when calling the CreateKey operation: User: " + session + " is not authorized to perform: kms:CreateKey",
		`{"Keys":[],"Truncated":false} 200` + "\n",
		`{"__type":"NotFoundException","message":"Key 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' does not exist"} 400` + "\n",
		`{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."} 400` + "\n",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s\n%s", want, said, s.said())
		}
	}
	s.stop()
}
