package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keyhold/keyhold/internal/smallfile"
)

// Environment finds credentials and region where the AWS CLI and SDKs do (AWS SDKs and Tools Reference Guide,
// "Environment variables list" and "Shared config and credentials files"), in this order:
//
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN;
//   - the profile in the credentials file, AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials;
//   - the profile in the config file, AWS_CONFIG_FILE or ~/.aws/config.
//
// A profile may name a credential_process instead of keys: it is run without a shell, with a minute to end in, and again
// before what it gave expires ("Process credential provider"). keyhold access-key session is one. One that asks for the
// credentials of its own profile is refused.
//
// The region is AWS_REGION, AWS_DEFAULT_REGION or the profile's. Other sources of credentials, such as roles, single
// sign-on, containers and instances, are not supported: where one is configured and would count, it is refused by name
// rather than passed over. The zero value is ready for use.
type Environment struct {
	// Profile is the profile to read. "": AWS_PROFILE, or "default".
	Profile string
	// Getenv reads a variable. Nil: os.Getenv.
	Getenv func(string) string
	// Home is the directory that .aws is in. "": the user's.
	Home string
}

var _ Provider = Environment{}

// elsewhere are the variables by which an environment has credentials in places that are not supported.
var elsewhere = []string{"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"}

// source is a member of a profile by which credentials come from elsewhere.
type source struct {
	member string
	role   bool // it counts even where there are keys, which only serve to assume the role
}

// sources are those that are not supported. Roles come first, because they count in any case.
var sources = []source{
	{"role_arn", true}, {"source_profile", true}, {"credential_source", true}, {"web_identity_token_file", true},
	{"sso_session", false}, {"sso_start_url", false}, {"sso_account_id", false}, {"login_session", false},
}

// Credentials implements Provider.
func (e Environment) Credentials(ctx context.Context) (Credentials, error) {
	c, err := e.find(ctx)
	if err != nil {
		return Credentials{}, fmt.Errorf("find credentials: %w", err)
	}
	return c, nil
}

func (e Environment) find(ctx context.Context) (Credentials, error) {
	id, key := e.getenv("AWS_ACCESS_KEY_ID"), e.getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id != "" && key != "":
		return NewCredentials(id, []byte(key), e.getenv("AWS_SESSION_TOKEN"), time.Time{}), nil
	case id != "":
		return Credentials{}, errors.New("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not; set both or neither")
	case key != "":
		return Credentials{}, errors.New("AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID is not; set both or neither")
	}
	files, err := e.files()
	if err != nil {
		return Credentials{}, err
	}
	return e.inFiles(ctx, files)
}

func (e Environment) inFiles(ctx context.Context, files []profileFile) (Credentials, error) {
	role, unsupported := e.unsupported(files)
	if role {
		return Credentials{}, unsupported
	}
	for _, f := range files {
		id, key := f.members["aws_access_key_id"], f.members["aws_secret_access_key"]
		if id != "" && key != "" {
			return NewCredentials(id, []byte(key), f.members["aws_session_token"], time.Time{}), nil
		}
		if id != "" || key != "" {
			return Credentials{}, fmt.Errorf("profile %q of %s has only one of aws_access_key_id and aws_secret_access_key", e.profile(), f.path)
		}
	}
	if unsupported != nil {
		return Credentials{}, unsupported
	}
	return e.inProcess(ctx, files)
}

// unsupported is the refusal of a profile that has credentials come from elsewhere, nil of any other; role tells that it
// stands even where there are keys.
func (e Environment) unsupported(files []profileFile) (role bool, err error) {
	for _, s := range sources {
		for _, f := range files {
			if f.members[s.member] != "" {
				return s.role, fmt.Errorf("%s in profile %q of %s is not supported; put keys there, or into the environment", s.member, e.profile(), f.path)
			}
		}
	}
	return false, nil
}

// inProcess runs the profile's credential_process, if there is one.
func (e Environment) inProcess(ctx context.Context, files []profileFile) (Credentials, error) {
	for _, f := range files {
		if command := f.members["credential_process"]; command != "" {
			where := fmt.Sprintf("profile %q of %s", e.profile(), f.path)
			c, err := e.runProcess(ctx, command, where)
			if err != nil {
				return c, fmt.Errorf("run the credential_process in %s: %w", where, err)
			}
			return c, nil
		}
	}
	return Credentials{}, e.none(files)
}

// runProcess runs a credential_process, but not within itself.
func (e Environment) runProcess(ctx context.Context, command, where string) (Credentials, error) {
	running := e.getenv(processVariable)
	if slices.Contains(strings.Split(running, "\n"), where) {
		return Credentials{}, errors.New("it asks for the credentials of the same profile; have it name another one, such as with keyhold --aws-profile")
	}
	return processCredentials(ctx, command, strings.TrimPrefix(running+"\n"+where, "\n"))
}

// none says why there are no credentials.
func (e Environment) none(files []profileFile) error {
	name, found := e.profile(), false
	for _, f := range files {
		found = found || f.found
	}
	for _, variable := range elsewhere {
		if e.getenv(variable) != "" {
			return fmt.Errorf("%s is not supported; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", variable)
		}
	}
	if !found && name != defaultProfile {
		return fmt.Errorf("there is no profile %q in %s or %s", name, files[0].path, files[1].path)
	}
	return fmt.Errorf("there are none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into profile %q of %s", name, files[0].path)
}

// Region is the region that signatures are for, or an error that says where to set one.
func (e Environment) Region() (string, error) {
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region := e.getenv(variable); region != "" {
			return region, nil
		}
	}
	files, err := e.files()
	if err != nil {
		return "", fmt.Errorf("find the region: %w", err)
	}
	for _, f := range files {
		if region := f.members["region"]; region != "" {
			return region, nil
		}
	}
	return "", fmt.Errorf("find the region: there is none; set AWS_REGION, or region in profile %q of %s", e.profile(), files[1].path)
}

const defaultProfile = "default"

func (e Environment) profile() string {
	if e.Profile != "" {
		return e.Profile
	}
	if name := e.getenv("AWS_PROFILE"); name != "" {
		return name
	}
	return defaultProfile
}

func (e Environment) getenv(name string) string {
	if e.Getenv != nil {
		return e.Getenv(name)
	}
	return os.Getenv(name)
}

// files are the profile as the credentials file and the config file have it, in this order.
func (e Environment) files() ([]profileFile, error) {
	name := e.profile()
	own, err := e.read("AWS_SHARED_CREDENTIALS_FILE", "credentials", []string{name})
	if err != nil {
		return nil, err
	}
	sections := []string{"profile " + name}
	if name == defaultProfile {
		sections = append(sections, name)
	}
	config, err := e.read("AWS_CONFIG_FILE", "config", sections)
	if err != nil {
		return nil, err
	}
	return []profileFile{own, config}, nil
}

// profileFile is a profile in one file.
type profileFile struct {
	path    string
	found   bool
	members map[string]string
}

// maxProfileFile bounds a file in bytes.
const maxProfileFile = 1 << 20

// read finds sections in a file; those that come first count. There need not be a file.
func (e Environment) read(variable, name string, sections []string) (profileFile, error) {
	path := e.getenv(variable)
	if path == "" {
		home := e.Home
		if home == "" {
			var err error
			if home, err = os.UserHomeDir(); err != nil {
				return profileFile{}, fmt.Errorf("find %s: %w", filepath.Join("~", ".aws", name), err)
			}
		}
		path = filepath.Join(home, ".aws", name)
	}
	f := profileFile{path: path, members: map[string]string{}}
	if path == os.DevNull { // as AWS's tools are told that there is none
		return f, nil
	}
	text, err := smallfile.ReadOnce(path, maxProfileFile)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	defer clear(text)
	all, err := parseProfiles(string(text))
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	for _, section := range sections {
		if members, ok := all[section]; ok {
			f.found, f.members = true, members
			break
		}
	}
	return f, nil
}
