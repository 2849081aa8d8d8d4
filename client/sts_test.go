package client_test

import (
	"encoding/xml"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

func TestASessionOfARoleIsBegunAndUsed(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("night")
	do[any](b, "PutPrincipalPolicy", &api.PutPrincipalPolicyInput{Principal: &s.role, PolicyName: new("all"), Policy: new(everything)})
	got, err := b.client.AssumeRole(t.Context(), &api.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: new("shift-1")})
	if err != nil {
		t.Fatal(err)
	}
	k := got.Credentials
	if end := k.Expiration.Time().Sub(b.clock.Now()); end != time.Hour {
		t.Errorf("it lasts %s, want an hour", end)
	}
	session := b.newClient(func(c *client.Config) {
		c.Credentials = client.Static(client.NewCredentials(k.AccessKeyID, []byte(k.SecretAccessKey), string(k.SessionToken), k.Expiration.Time()))
	})
	who, err := session.GetCallerIdentity(t.Context(), &api.GetCallerIdentityInput{})
	if want := "arn:aws:sts::" + account + ":assumed-role/role-of-night/shift-1"; err != nil || who.Arn != want || who.Account != account || who.UserID != got.AssumedRoleUser.AssumedRoleID {
		t.Errorf("it is %+v, %v; want %s", who, err, want)
	}
	if _, err := session.Encrypt(t.Context(), &api.EncryptInput{KeyID: &s.key, Plaintext: []byte("x")}); err != nil {
		t.Error(err)
	}
}

// What the server does not do for sessions it refuses by name, so that a refusal tells that the member came through.
func TestMembersOfEveryKindReachTheServer(t *testing.T) {
	b := newBench(t)
	s := b.newSubject("members")
	for name, set := range map[string]func(*api.AssumeRoleInput){
		"Policy": func(in *api.AssumeRoleInput) { in.Policy = new(everything) },
		"PolicyArns": func(in *api.AssumeRoleInput) {
			in.PolicyArns = []api.PolicyDescriptor{{Arn: new("arn:aws:iam::aws:policy/x")}}
		},
		"Tags": func(in *api.AssumeRoleInput) {
			in.Tags = []api.SessionTag{{Key: new("a&b"), Value: new("c=d")}, {Key: new("e")}}
		},
		"TransitiveTagKeys": func(in *api.AssumeRoleInput) { in.TransitiveTagKeys = []string{"a", "b"} },
		"TokenCode":         func(in *api.AssumeRoleInput) { in.TokenCode = new("123456") },
	} {
		in := &api.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: new("shift-1")}
		set(in)
		_, err := b.client.AssumeRole(t.Context(), in)
		if !errors.Is(err, &api.Error{Name: api.ValidationException}) || !strings.Contains(err.Error(), name+" is not supported by this server") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	in := &api.AssumeRoleInput{RoleArn: &s.role, RoleSessionName: new("a"), DurationSeconds: new(int32(-7)), ExternalID: new("<&>\n%+é")}
	_, err := b.client.AssumeRole(t.Context(), in)
	for _, want := range []string{"Value 'a' at 'roleSessionName'", "Value '-7' at 'durationSeconds'", "Value '<&>\n%+é' at 'externalId'"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestErrorsOfSTSHaveTheNamesThatKMSHasForThem(t *testing.T) {
	b := newBench(t)
	as := func(c client.Credentials) *client.Client {
		return b.newClient(func(config *client.Config) { config.Credentials = client.Static(c) })
	}
	for name, c := range map[string]struct {
		client *client.Client
		role   string
		want   string
	}{
		"a role that there is not": {b.client, "arn:aws:iam::" + account + ":role/nobody", api.AccessDeniedException},
		"an unknown access key":    {as(client.NewCredentials("AKIDNOBODY", []byte("x"), "", time.Time{})), "arn:aws:iam::" + account + ":role/x", api.UnrecognizedClientException},
		"a wrong secret":           {as(client.NewCredentials(b.ada.AccessKeyID(), []byte("x"), "", time.Time{})), "arn:aws:iam::" + account + ":role/x", api.InvalidSignatureException},
		"a malformed ARN":          {b.client, "no-arn-but-long-enough", api.ValidationException},
	} {
		_, err := c.client.AssumeRole(t.Context(), &api.AssumeRoleInput{RoleArn: &c.role, RoleSessionName: new("shift-1")})
		var e *client.Error
		if !errors.As(err, &e) || !errors.Is(err, &api.Error{Name: c.want}) || e.RequestID == "" {
			t.Errorf("%s: got %v, want %s with a request id", name, err, c.want)
		}
	}
}

func TestWhereSTSIs(t *testing.T) {
	for _, c := range []struct{ endpoint, sts, want string }{
		{"https://kms.example.com:8443", "", "kms.example.com:8443"},
		{"https://kms.example.com:8443", "https://sts.example.com", "sts.example.com"},
		{client.AWSEndpoint("eu-west-1"), "", "sts.eu-west-1.amazonaws.com"},
		{client.AWSEndpoint("us-gov-west-1"), "", "sts.us-gov-west-1.amazonaws.com"},
		{client.AWSEndpoint("cn-north-1"), "", "sts.cn-north-1.amazonaws.com.cn"},
		{"https://kms.amazonaws.com.example.net", "", "kms.amazonaws.com.example.net"},
		{client.AWSEndpoint("eu-west-1") + ":8443", "", "kms.eu-west-1.amazonaws.com:8443"},
	} {
		a := &answers{list: []responder{says(200, identityXML, "Content-Type", "text/xml")}}
		client := fake(t, a, func(config *client.Config) { config.Endpoint, config.STSEndpoint = c.endpoint, c.sts })
		if _, err := client.GetCallerIdentity(t.Context(), &api.GetCallerIdentityInput{}); err != nil {
			t.Fatal(err)
		}
		r := a.seen[0]
		if r.URL.Host != c.want || !strings.Contains(r.Header.Get("Authorization"), "/"+region+"/sts/aws4_request") || r.Header.Get("X-Amz-Target") != "" {
			t.Errorf("%s and %q: asked %s with %s", c.endpoint, c.sts, r.URL, r.Header.Get("Authorization"))
		}
	}
	for _, bad := range []string{"http://sts.example.com", "https://a:hunter2@sts.example.com", "sts"} {
		_, err := client.New(client.Config{Endpoint: "https://kms.example.com", STSEndpoint: bad, Region: region})
		if err == nil || !strings.Contains(err.Error(), "the STS endpoint") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

const (
	identityXML = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<UserId>AIDA</UserId><Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/a</Arn></GetCallerIdentityResult>` +
		`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
	sessionXML = `<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleResponse><AssumeRoleResult><PackedPolicySize>6</PackedPolicySize><AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/s</Arn>
</AssumedRoleUser><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>hunter2&amp;&lt;</SecretAccessKey>
<SessionToken>hunter3</SessionToken><Expiration> 2026-01-02T03:04:05.678Z </Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>
`
)

func TestHostileAnswersOfSTSAreRefused(t *testing.T) {
	edited := func(old, replacement string) string {
		if !strings.Contains(sessionXML, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(sessionXML, old, replacement, 1)
	}
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", "it is empty"},
		{"JSON", `{"Credentials":{}}`, "it has text outside its root element"},
		{"cut short", sessionXML[:len(sessionXML)-9], "it is not XML"},
		{"another operation's", identityXML, `it is a "GetCallerIdentityResponse", not a AssumeRoleResponse`},
		{"an error's", `<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>`, "not a AssumeRoleResponse"},
		{"two documents", sessionXML + identityXML, "something behind its root element"},
		{"text behind it", sessionXML + "hunter2", "text outside its root element"},
		{"an entity of its own", `<!DOCTYPE x [<!ENTITY a "b">]>` + identityXML, "it has a declaration of its own"},
		{"an entity that nobody declared", edited("ASIA", "&a;"), "it is not XML"},
		{"another encoding", edited("UTF-8", "UTF-7"), "it is not XML"},
		{"no secret", edited("<SecretAccessKey>hunter2&amp;&lt;</SecretAccessKey>", ""), "it has no SecretAccessKey"},
		{"an empty secret", edited("hunter2&amp;&lt;", ""), "its SecretAccessKey is not a text"},
		{"two secrets", edited("<SessionToken>", "<SecretAccessKey>x</SecretAccessKey><SessionToken>"), "it has SecretAccessKey twice"},
		{"a secret within a secret", edited("hunter3", "<SessionToken>hunter3</SessionToken>"), "its SessionToken is not a text"},
		{"no instant", edited("2026-01-02T03", "2026-13-02T03"), "its Expiration is not an instant"},
		{"no result", "<AssumeRoleResponse/>", "it has no AssumeRoleResult"},
		{"a tower", strings.Repeat("<a>", 100_000), "it is nested too deeply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := fake(t, &answers{list: []responder{says(200, c.body, "Content-Type", "text/xml")}}).AssumeRole(t.Context(), &api.AssumeRoleInput{})
			if !matches(err, errAnswer) || !strings.Contains(err.Error(), c.want) || out != nil || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, %v; want %q", out, err, c.want)
			}
		})
	}
	out, err := fake(t, &answers{list: []responder{says(200, sessionXML)}}).AssumeRole(t.Context(), &api.AssumeRoleInput{})
	want := api.SessionCredentials{AccessKeyID: "ASIA", SecretAccessKey: "hunter2&<", SessionToken: "hunter3",
		Expiration: api.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC))}
	if err != nil || out.Credentials != want || out.AssumedRoleUser.AssumedRoleID != "AROA:s" {
		t.Errorf("AWS's own gives %+v, %v", out, err)
	}
}

func TestErrorsOfSTSThatAreNone(t *testing.T) {
	for body, want := range map[string]string{
		"<html/>":          "HTTP status 403",
		"<ErrorResponse/>": "HTTP status 403",
		"<ErrorResponse><Error><Code>two words</Code></Error></ErrorResponse>":                                       "HTTP status 403",
		"<ErrorResponse><Error/><Error/></ErrorResponse>":                                                            "HTTP status 403",
		"<ErrorResponse><Error><Code>BrandNew</Code></Error></ErrorResponse>":                                        "BrandNew",
		"<ErrorResponse><Error><Code>AccessDenied</Code><Message> No &amp; never </Message></Error></ErrorResponse>": "AccessDeniedException: No & never",
		`<ErrorResponse xmlns="x"><Error><Code>Throttling</Code></Error><RequestId>1</RequestId></ErrorResponse>`:    "ThrottlingException",
	} {
		_, err := fake(t, &answers{list: []responder{says(403, body)}}).GetCallerIdentity(t.Context(), &api.GetCallerIdentityInput{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", body, err, want)
		}
	}
}

// What is read from an answer is what an answer with it in it gives again; and nothing is left of one that is refused.
func FuzzSTSAnswer(f *testing.F) {
	for _, seed := range []string{sessionXML, identityXML, "<AssumeRoleResponse/>", "<!DOCTYPE a><a/>", "<a><![CDATA[x]]></a>", "<a",
		"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"} {
		f.Add(200, []byte(seed))
		f.Add(400, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status != http.StatusOK {
			status = http.StatusForbidden
		}
		c := fake(t, &answers{list: []responder{says(status, string(body))}})
		out := &api.AssumeRoleOutput{}
		err := c.Call(t.Context(), "AssumeRole", &api.AssumeRoleInput{}, out)
		if err != nil {
			var e *client.Error
			if *out != (api.AssumeRoleOutput{}) || !errors.As(err, &e) || e.Err == nil || err.Error() == "" {
				t.Errorf("%v is a %T, and leaves %+v", err, err, out)
			}
			return
		}
		again, err := fake(t, &answers{list: []responder{says(200, assumeRoleXML(t, out))}}).AssumeRole(t.Context(), &api.AssumeRoleInput{})
		if status != http.StatusOK || err != nil || !reflect.DeepEqual(again, out) {
			t.Errorf("%+v is read as %+v, %v", out, again, err)
		}
	})
}

// assumeRoleXML writes an answer.
func assumeRoleXML(t *testing.T, out *api.AssumeRoleOutput) string {
	t.Helper()
	escaped := func(s string) string {
		var b strings.Builder
		if err := xml.EscapeText(&b, []byte(s)); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	k, u := out.Credentials, out.AssumedRoleUser
	return "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>" + escaped(k.AccessKeyID) + "</AccessKeyId><SecretAccessKey>" +
		escaped(string(k.SecretAccessKey)) + "</SecretAccessKey><SessionToken>" + escaped(string(k.SessionToken)) + "</SessionToken><Expiration>" +
		k.Expiration.Time().Format(time.RFC3339Nano) + "</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>" + escaped(u.AssumedRoleID) +
		"</AssumedRoleId><Arn>" + escaped(u.Arn) + "</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
}
