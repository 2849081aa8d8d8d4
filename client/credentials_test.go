package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

// where is an environment with a home of its own.
func where(t *testing.T, variables map[string]string, credentials, config string) client.Environment {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"credentials": credentials, "config": config} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(home, ".aws", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return client.Environment{Getenv: func(name string) string { return variables[name] }, Home: home}
}

const (
	idMember = "aws_access_key_id = AKIDFILE\n"
	keys     = idMember + "aws_secret_access_key = wJalr/XUtn+FEMI=\n"
)

func TestCredentialsAreFoundWhereTheAWSToolsFindThem(t *testing.T) {
	for _, c := range []struct {
		name                string
		variables           map[string]string
		credentials, config string
		want                string // the access key id
	}{
		{"in the environment", map[string]string{"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s", "AWS_PROFILE": "ops"}, "[default]\n" + keys, "", "AKIDENV"},
		{"in the credentials file", nil, "# mine\n[default]\n" + keys, "[default]\nregion = eu-west-1\n", "AKIDFILE"},
		{"in the config file", nil, "", "[default]\r\n" + strings.ReplaceAll(keys, "\n", "\r\n"), "AKIDFILE"},
		{"in the credentials file first", nil, "[default]\n" + keys, "[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = x\n", "AKIDFILE"},
		{"in a profile", map[string]string{"AWS_PROFILE": "ops"}, "[default]\nx = y\n[ops]\n" + keys, "", "AKIDFILE"},
		{"in a profile of the config file", map[string]string{"AWS_PROFILE": "ops"}, "", "[profile ops]\n" + keys, "AKIDFILE"},
		{"in a profile with blanks", map[string]string{"AWS_PROFILE": "night shift"}, "", "[profile \"night shift\"]\n" + keys, "AKIDFILE"},
		{"in a profile beside others", nil, "[default]\n" + keys + "[sso]\nrole_arn = arn:x\n", "[sso-session x]\nsso_region = y\n", "AKIDFILE"},
		{"beside a process that is not needed", nil, "[default]\n" + keys, "[default]\ncredential_process = /bin/x\n", "AKIDFILE"},
		{"beside single sign-on that is not needed", nil, "[default]\n" + keys, "[default]\nsso_session = x\n", "AKIDFILE"},
		{"beside nested members", nil, "[default]\ns3 =\n  aws_access_key_id = WRONG\n" + keys + "  more\n", "", "AKIDFILE"},
		{"with every member indented", nil, "[default]\n  s3 =\n    aws_access_key_id = WRONG\n  aws_access_key_id = AKIDFILE\n  aws_secret_access_key = s\n", "", "AKIDFILE"},
		{"with comments", nil, "; a\n[default] # b\n  # c\naws_access_key_id = AKIDFILE # d\nAWS_Secret_Access_Key=s;not-one\n", "", "AKIDFILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := where(t, c.variables, c.credentials, c.config).Credentials(t.Context())
			if err != nil || got.AccessKeyID() != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestCredentialsThatAreNotSupportedAreRefusedByName(t *testing.T) {
	for _, c := range []struct {
		name                string
		variables           map[string]string
		credentials, config string
		want                string
	}{
		{"nothing at all", nil, "", "", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them into profile \"default\" of"},
		{"no such profile", map[string]string{"AWS_PROFILE": "ops"}, "[default]\n" + keys, "[ops]\n" + keys, `there is no profile "ops" in`},
		{"half an environment", map[string]string{"AWS_ACCESS_KEY_ID": "AKIDENV"}, "[default]\n" + keys, "", "AWS_SECRET_ACCESS_KEY is not"},
		{"the other half", map[string]string{"AWS_SECRET_ACCESS_KEY": "hunter2"}, "[default]\n" + keys, "", "AWS_ACCESS_KEY_ID is not"},
		{"half a profile", nil, "[default]\n" + idMember, "", "has only one of"},
		{"a role", nil, "[default]\n" + keys, "[default]\nrole_arn = arn:x\n", `role_arn in profile "default" of`},
		{"a role whose profile has single sign-on too", nil, "[default]\nsso_session = x\n" + keys, "[default]\nsource_profile = x\n", "source_profile in profile"},
		{"a process beside single sign-on", nil, "", "[default]\nsso_session = x\ncredential_process = /bin/x\n", "sso_session in profile"},
		{"single sign-on", nil, "", "[default]\nsso_session = x\n", "sso_session in profile"},
		{"a login", nil, "", "[default]\nlogin_session = x\n", "login_session in profile"},
		{"a container", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, "", "", "AWS_CONTAINER_CREDENTIALS_FULL_URI is not supported"},
		{"a web identity", map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/x"}, "", "", "AWS_WEB_IDENTITY_TOKEN_FILE is not supported"},
		{"a line in no section", nil, "aws_secret_access_key = hunter2\n", "", "credentials: line 1 is in no section"},
		{"a section that does not end", nil, "[default\n" + keys, "", "credentials: line 1 is not [a section]"},
		{"a section without a name", nil, "[]\n" + keys, "", "credentials: line 1 is not [a section]"},
		{"a member without a name", nil, "[default]\n= hunter2\n", "", "credentials: line 2 is not of the form name = value"},
		{"a profile without a name", nil, "", "[profile '']\n", "config: line 1 is not [a section]"},
		{"a line without =", nil, "[default]\nhunter2\n", "", "credentials: line 2 is not of the form name = value"},
		{"a huge file", nil, "[default]\n" + keys + strings.Repeat("#\n", 1<<19), "", "is larger than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := where(t, c.variables, c.credentials, c.config).Credentials(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheRegionIsFoundToo(t *testing.T) {
	config := "[default]\nregion = eu-west-1\n[profile ops]\nregion=eu-west-2\n"
	for want, variables := range map[string]map[string]string{
		"eu-west-1": nil,
		"eu-west-2": {"AWS_PROFILE": "ops"},
		"eu-west-3": {"AWS_DEFAULT_REGION": "eu-west-3"},
		"eu-west-4": {"AWS_REGION": "eu-west-4", "AWS_DEFAULT_REGION": "eu-west-3", "AWS_PROFILE": "ops"},
	} {
		if got, err := where(t, variables, "", config).Region(); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	none := where(t, nil, "", "")
	if _, err := none.Region(); err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("got %v", err)
	}
	if _, err := client.New(client.Config{Endpoint: "https://kms.example.test", Credentials: none}); err == nil || !strings.Contains(err.Error(), "set AWS_REGION") {
		t.Errorf("a client without region: %v", err)
	}
}

func TestAClientFindsItsOwnCredentialsAndRegion(t *testing.T) {
	b := newBench(t)
	made, err := b.client.CreateAccessKey(t.Context(), &api.CreateAccessKeyInput{Principal: new("arn:aws:iam::" + account + ":user/ada")})
	if err != nil {
		t.Fatal(err)
	}
	e := where(t, nil, "[default]\naws_access_key_id = "+made.AccessKeyID+"\naws_secret_access_key = "+string(made.SecretAccessKey)+"\n", "[default]\nregion = "+region+"\n")
	c := b.newClient(func(c *client.Config) { c.Credentials, c.Region = e, "" })
	if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
		t.Error(err)
	}
}

func TestCredentialsAreAskedForAnewBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, broken := 0, false
		provider := client.ProviderFunc(func(context.Context) (client.Credentials, error) {
			if asked++; broken {
				return client.Credentials{}, errors.New("the vault is closed")
			}
			return client.NewCredentials(fmt.Sprintf("ASIA%d", asked), []byte("secret"), "token", time.Now().Add(time.Hour)), nil
		})
		a := &answers{list: []responder{fine}}
		c := fake(t, a, func(c *client.Config) { c.Credentials = provider })
		list := func() error {
			_, err := c.ListKeys(t.Context(), &api.ListKeysInput{})
			return err
		}
		for _, step := range []struct {
			wait   time.Duration
			broken bool
			asked  int
			fails  bool
		}{
			{0, false, 1, false}, {54 * time.Minute, false, 1, false}, {2 * time.Minute, false, 2, false},
			{56 * time.Minute, true, 3, false}, {5 * time.Minute, true, 4, true}, {0, false, 5, false},
		} {
			time.Sleep(step.wait)
			broken = step.broken
			if err := list(); (err != nil) != step.fails || asked != step.asked {
				t.Errorf("after %s more: asked %d times (want %d), %v", step.wait, asked, step.asked, err)
			}
		}
	})
}

func TestCredentialsThatTheServerRefusesAreAskedForAnew(t *testing.T) {
	b := newBench(t)
	asked := 0
	c := b.newClient(func(c *client.Config) {
		c.Credentials = client.ProviderFunc(func(context.Context) (client.Credentials, error) {
			if asked++; asked == 1 {
				return client.NewCredentials("AKIDROTATED", []byte("old"), "", time.Time{}), nil
			}
			return b.ada, nil
		})
	})
	_, err := c.ListKeys(t.Context(), &api.ListKeysInput{})
	if !errors.Is(err, &api.Error{Name: api.UnrecognizedClientException}) {
		t.Errorf("first: %v", err)
	}
	for range 2 {
		if _, err = c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil || asked != 2 {
			t.Errorf("asked %d times: %v", asked, err)
		}
	}
}

func TestCredentialsThatCannotBeHad(t *testing.T) {
	for name, c := range map[string]struct {
		credentials client.Credentials
		err         error
		want        string
	}{
		"an error":  {client.Credentials{}, errors.New("the vault is closed"), "the vault is closed"},
		"empty":     {client.Credentials{}, nil, "access key id or its secret is empty"},
		"no secret": {client.NewCredentials("AKID", nil, "", time.Time{}), nil, "access key id or its secret is empty"},
		"a bad id":  {client.NewCredentials("AKID/x", []byte("s"), "", time.Time{}), nil, "has a character that none has"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{list: []responder{fine}}
			client := fake(t, a, func(config *client.Config) {
				config.Credentials = client.ProviderFunc(func(context.Context) (client.Credentials, error) { return c.credentials, c.err })
			})
			_, err := client.CreateKey(t.Context(), &api.CreateKeyInput{})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "unknown whether") || len(a.seen) > 0 {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCredentialsAreNeverPrinted(t *testing.T) {
	c := client.NewCredentials("AKIDEXAMPLE", []byte("hunter2"), "hunter3", time.Time{})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{c, &c, struct{ C client.Credentials }{c}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hunter") || strings.Contains(text, "68756e") || strings.Contains(text, "104 117") {
				t.Errorf("%s shows %s", verb, text)
			}
		}
	}
	if text, err := json.Marshal(c); err == nil {
		t.Errorf("its JSON is %s", text)
	}
}

func FuzzProfiles(f *testing.F) {
	for _, seed := range []string{"[default]\n" + keys, "[profile  'a b'] # x\nA=b ;c\n  d=e\n\n[profile a b]\na=f=g\n", "[]", "[a\n", "x=y", "\xff[a]\r\n=\r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := client.ParseProfiles(text)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, section := range slices.Sorted(maps.Keys(all)) {
			members := all[section]
			if kind, name, two := strings.Cut(section, " "); two {
				section = kind + ` "` + name + `"`
			}
			fmt.Fprintf(&b, "[%s]\n", section)
			for _, name := range slices.Sorted(maps.Keys(members)) {
				fmt.Fprintf(&b, "%s=%s\n", name, members[name])
			}
		}
		if again, err := client.ParseProfiles(b.String()); err != nil || !reflect.DeepEqual(again, all) {
			t.Errorf("%q is read as %q, and written out as %q, which is read as %q, %v", text, all, b.String(), again, err)
		}
	})
}
