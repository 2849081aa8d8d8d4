package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/internal/smallfile"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/urfave/cli/v2"
)

const (
	// devUser is the administrator of a throw-away directory.
	devUser = "dev"
	// devKeyFile keeps its access key, as AWS SDKs read it (AWS_SHARED_CREDENTIALS_FILE).
	devKeyFile = "credentials"
	// The variables that fix the access key, for scripts that have it written down.
	devKeyIDVariable  = "KEYHOLD_DEV_ACCESS_KEY_ID"
	devSecretVariable = "KEYHOLD_DEV_SECRET_ACCESS_KEY"
	// maxDevFile bounds a file that keyhold dev wrote, in bytes.
	maxDevFile = 64 << 10
)

// devKey is an access key of a throw-away directory's administrator; empty: none.
type devKey struct {
	id     kms.AccessKeyID
	secret secret.Bytes
}

func (k devKey) wipe() { k.secret.Wipe() }

// wantedDevKey is the access key that the environment wants, or the one that the directory has, or none.
func (p *program) wantedDevKey(c *cli.Context) (devKey, error) {
	id, value := os.Getenv(devKeyIDVariable), os.Getenv(devSecretVariable)
	switch {
	case (id == "") != (value == ""):
		return devKey{}, usagef(c, "%s and %s belong together: set both or neither", devKeyIDVariable, devSecretVariable)
	case id == "":
		return readDevKey(filepath.Join(dataDir(c), devKeyFile))
	}
	in := &api.CreateAccessKeyInput{Principal: new(devUser), AccessKeyID: &id, SecretAccessKey: new(api.SecretText(value))}
	if err := in.Validate(); err != nil {
		return devKey{}, advise(fmt.Errorf("%s or %s cannot be used: %w", devKeyIDVariable, devSecretVariable, err), "set others, or none")
	}
	if sigv4.TooShort([]byte(value)) {
		return devKey{}, advise(fmt.Errorf("%s is too short for FIPS 140-3 mode", devSecretVariable), "set one of 10 characters or more, or none")
	}
	return devKey{kms.AccessKeyID(id), secret.New([]byte(value))}, nil
}

// readDevKey reads the file that keep wrote; none when there is no file, or when it was changed into something else.
func readDevKey(path string) (devKey, error) {
	text, err := smallfile.Read(path, maxDevFile)
	defer secret.Wipe(text)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return devKey{}, fmt.Errorf("read the administrator's access key: %w", err)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, "=")
		found[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	key := devKey{kms.AccessKeyID(found["aws_access_key_id"]), secret.New([]byte(found["aws_secret_access_key"]))}
	if key.id == "" || key.secret.Len() == 0 {
		return devKey{}, nil
	}
	return key, nil
}

// keep writes the access key down.
func (k devKey) keep(path string) error {
	text := profileForm("default")(&api.CreateAccessKeyOutput{AccessKeyID: string(k.id), SecretAccessKey: api.SecretText(k.secret.Reveal())})
	defer secret.Wipe(text)
	return writeFile(path, text, true)
}

// devKey makes sure that the administrator is there and has an access key, the wanted one if there is such, and returns
// it.
func (s *session) devKey(ctx context.Context, wanted devKey) (devKey, error) {
	if err := s.ensureDevUser(ctx); err != nil {
		return devKey{}, fmt.Errorf("make the administrator: %w", err)
	}
	key, err := s.ensureDevKey(ctx, wanted)
	if err != nil {
		return devKey{}, fmt.Errorf("make the administrator's access key: %w", err)
	}
	return key, key.keep(filepath.Join(s.dir, devKeyFile))
}

func (s *session) ensureDevUser(ctx context.Context) error {
	_, err := s.do(ctx, "CreatePrincipal", &api.CreatePrincipalInput{Kind: new(string(kms.User)), Name: new(devUser),
		Description: new("administrator of a throw-away directory")})
	var wire *api.Error
	if errors.As(err, &wire) && wire.Name == api.AlreadyExistsException {
		return nil // with the policies that it has been given
	}
	if err != nil {
		return err
	}
	_, err = s.do(ctx, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: new(withKind(kms.User, devUser)),
		PolicyName: new(administrator), Policy: new(administratorPolicy)})
	return err
}

func (s *session) ensureDevKey(ctx context.Context, wanted devKey) (devKey, error) {
	if wanted.id != "" {
		there, err := s.service.Credential(ctx, wanted.id, "")
		defer there.Secret.Wipe()
		if err == nil && there.Secret.Equal(wanted.secret) {
			return wanted, nil
		}
	}
	if err := s.makeRoom(ctx, wanted.id); err != nil {
		return devKey{}, err
	}
	in := &api.CreateAccessKeyInput{Principal: new(withKind(kms.User, devUser))}
	if wanted.id != "" {
		in.AccessKeyID, in.SecretAccessKey = new(string(wanted.id)), new(api.SecretText(wanted.secret.Reveal()))
	}
	out, err := ask[api.CreateAccessKeyOutput](ctx, s, "CreateAccessKey", in)
	if err != nil {
		return devKey{}, err
	}
	return devKey{kms.AccessKeyID(out.AccessKeyID), secret.New([]byte(out.SecretAccessKey))}, nil
}

// makeRoom deletes the administrator's access key of the id, whose secret is another one now, and the oldest when there
// are too many.
func (s *session) makeRoom(ctx context.Context, id kms.AccessKeyID) error {
	out, err := ask[api.ListAccessKeysOutput](ctx, s, "ListAccessKeys", &api.ListAccessKeysInput{Principal: new(withKind(kms.User, devUser))})
	if err != nil {
		return err
	}
	var oldest *api.AccessKey
	for i, k := range out.AccessKeys {
		if k.AccessKeyID == string(id) {
			oldest = &out.AccessKeys[i]
			break
		}
		if len(out.AccessKeys) >= api.MaxAccessKeysPerUser && (oldest == nil || k.CreateDate < oldest.CreateDate) {
			oldest = &out.AccessKeys[i]
		}
	}
	if oldest == nil {
		return nil
	}
	_, err = s.do(ctx, "DeleteAccessKey", &api.DeleteAccessKeyInput{AccessKeyID: &oldest.AccessKeyID})
	return err
}
