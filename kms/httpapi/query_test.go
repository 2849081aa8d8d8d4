package httpapi_test

import (
	"encoding/xml"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/httpapi"
	"github.com/keyhold/keyhold/kms/ops"
)

const version = "&Version=2011-06-15"

// sts is a call of the query API by ada.
func (b *bench) sts(body string) reply {
	b.t.Helper()
	return b.ask(b.sign(form(body), b.ada))
}

// stsError is how STS answers an error.
type stsError struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Error   struct{ Type, Code, Message string }
	ID      string `xml:"RequestId"`
}

func (b *bench) stsRefused(got reply, status int, code, message string) {
	b.t.Helper()
	var e stsError
	if err := xml.Unmarshal([]byte(got.body), &e); err != nil {
		b.t.Fatalf("%v in %s", err, got.body)
	}
	if got.status != status || e.Error.Code != code || message != "" && e.Error.Message != message || e.ID != got.id || got.header.Get("Content-Type") != "text/xml" {
		b.t.Errorf("got %d %v %s, want %d %s %s", got.status, got.header, got.body, status, code, message)
	}
}

func TestSTSTellsWhoOneIs(t *testing.T) {
	b := newBench(t)
	got := b.sts("Action=GetCallerIdentity" + version)
	user := do[*api.DescribePrincipalOutput](b, "DescribePrincipal", &api.DescribePrincipalInput{Principal: &b.adaARN}).Principal
	want := `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<UserId>` + user.PrincipalID + `</UserId><Account>` + account + `</Account><Arn>` + b.adaARN + `</Arn>` +
		`</GetCallerIdentityResult><ResponseMetadata><RequestId>` + got.id + `</RequestId></ResponseMetadata></GetCallerIdentityResponse>`
	if got.status != 200 || got.header.Get("Content-Type") != "text/xml" || got.body != want {
		t.Errorf("got %d %v %s, want %s", got.status, got.header, got.body, want)
	}
	if record := b.audit.of(got.id); len(record) != 1 || record[0]["eventSource"] != "sts.amazonaws.com" || record[0]["eventName"] != "GetCallerIdentity" {
		t.Errorf("recorded %v", record)
	}
}

// assumed is the answer of AssumeRole.
type assumed struct {
	XMLName xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ AssumeRoleResponse"`
	Result  struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      string
		}
		AssumedRoleUser struct {
			Arn           string
			AssumedRoleID string `xml:"AssumedRoleId"`
		}
	} `xml:"AssumeRoleResult"`
	Metadata struct {
		RequestID string `xml:"RequestId"`
	} `xml:"ResponseMetadata"`
}

// assume begins a session of a role.
func (b *bench) assume(role api.Principal, seconds string) (assumed, sigv4.Credentials) {
	b.t.Helper()
	got := b.sts("Action=AssumeRole" + version + "&RoleSessionName=night-shift&DurationSeconds=" + seconds + "&RoleArn=" + url.QueryEscape(role.Arn))
	var a assumed
	if err := xml.Unmarshal([]byte(got.body), &a); err != nil || got.status != 200 || a.Metadata.RequestID != got.id {
		b.t.Fatalf("got %d %s: %v", got.status, got.body, err)
	}
	c := a.Result.Credentials
	return a, sigv4.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: []byte(c.SecretAccessKey), SessionToken: c.SessionToken}
}

func TestASessionIsBegunAndUsedOverTheWire(t *testing.T) {
	b := newBench(t)
	role := b.role("operator")
	a, session := b.assume(role, "900")
	if a.Result.Credentials.Expiration != "2026-01-02T03:19:05Z" {
		t.Errorf("the session ends %s", a.Result.Credentials.Expiration)
	}
	if want := "arn:aws:sts::" + account + ":assumed-role/operator/night-shift"; a.Result.AssumedRoleUser.Arn != want ||
		a.Result.AssumedRoleUser.AssumedRoleID != role.PrincipalID+":night-shift" {
		t.Errorf("the session is %+v", a.Result.AssumedRoleUser)
	}
	if got := b.ask(b.sign(request("TrentService.ListKeys", `{}`), session)); got.status != 200 {
		t.Errorf("the session may not: %d %s", got.status, got.body)
	}
	if got := b.ask(b.sign(form("Action=GetCallerIdentity"+version), session)); !strings.Contains(got.body, ":assumed-role/operator/night-shift") {
		t.Errorf("the session is %s", got.body)
	}
	stranger := session
	stranger.SessionToken = session.SessionToken[:len(session.SessionToken)-4] + "AAAA"
	b.refused(b.ask(b.sign(request("TrentService.ListKeys", `{}`), stranger)), 400, "UnrecognizedClientException", "The security token included in the request is invalid.")
	b.stsRefused(b.ask(b.sign(form("Action=GetCallerIdentity"+version), stranger)), 403, "InvalidClientTokenId", "The security token included in the request is invalid.")

	b.clock.Advance(15 * time.Minute)
	b.refused(b.ask(b.sign(request("TrentService.ListKeys", `{}`), session)), 400, "ExpiredTokenException", "The security token included in the request is expired")
	b.stsRefused(b.ask(b.sign(form("Action=GetCallerIdentity"+version), session)), 403, "ExpiredToken", "The security token included in the request is expired")
	for _, line := range []string{b.log.String()} {
		if strings.Contains(line, session.SessionToken) || strings.Contains(line, string(session.SecretAccessKey)) {
			t.Error("the log has a secret of the session")
		}
	}
}

func TestErrorsOfSTSAreInItsForm(t *testing.T) {
	b := newBench(t)
	role := b.role("operator")
	assume := "Action=AssumeRole" + version + "&RoleSessionName=night&RoleArn=" + url.QueryEscape(role.Arn)
	const unknown = "The action or operation requested is invalid. Verify that the action is typed correctly."
	for _, c := range []struct {
		name, body    string
		status        int
		code, message string
		recorded      string
	}{
		{"an action that there is not", "Action=Frobnicate" + version, 400, "InvalidAction", unknown, "Frobnicate"},
		{"an action of KMS", "Action=CreateKey" + version, 400, "InvalidAction", unknown, "CreateKey"},
		{"a verb of Keyhold's", "Action=CreateAccount" + version, 400, "InvalidAction", unknown, "CreateAccount"},
		{"no action", version[1:], 400, "InvalidAction", unknown, "Unnamed"},
		{"nothing", "", 400, "InvalidAction", unknown, "Unnamed"},
		{"two actions", "Action=GetCallerIdentity&Action=AssumeRole" + version, 400, "InvalidAction", unknown, "GetCallerIdentity"},
		{"no version", "Action=GetCallerIdentity", 400, "InvalidAction", unknown, "GetCallerIdentity"},
		{"another version", "Action=GetCallerIdentity&Version=2014-11-01", 400, "InvalidAction", unknown, "GetCallerIdentity"},
		{"an escape that is none", "Action=GetCallerIdentity" + version + "&A=%zz", 400, "MalformedInput", "", "GetCallerIdentity"},
		{"octets that are not UTF-8", "Action=GetCallerIdentity" + version + "&A=%ff", 400, "MalformedInput", "", "GetCallerIdentity"},
		{"a parameter twice", assume + "&RoleSessionName=day", 400, "MalformedInput", "Duplicate member RoleSessionName", "AssumeRole"},
		{"a number that is none", assume + "&DurationSeconds=long", 400, "MalformedInput", "STRING_VALUE can not be converted to an Integer", "AssumeRole"},
		{"a number of many digits", assume + "&DurationSeconds=99999999999", 400, "MalformedInput", "STRING_VALUE can not be converted to an Integer", "AssumeRole"},
		{"a member that is missing", "Action=AssumeRole" + version + "&RoleSessionName=night", 400, "ValidationError",
			"1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null", "AssumeRole"},
		{"a session too short", assume + "&DurationSeconds=60", 400, "ValidationError", "", "AssumeRole"},
		{"tags", assume + "&Tags.member.1.Key=a&Tags.member.1.Value=b", 400, "ValidationError", "", "AssumeRole"},
		{"a list of texts", assume + "&TransitiveTagKeys.member.1=a", 400, "ValidationError", "", "AssumeRole"},
		{"a session's policy", assume + "&Policy=%7B%7D", 400, "ValidationError", "", "AssumeRole"},
		{"a thousand and one parameters", "Action=GetCallerIdentity" + version + manyParameters(999, 1), 400, "MalformedInput", "", "GetCallerIdentity"},
		{"a role that there is not", strings.Replace(assume, "operator", "nobody", 1), 403, "AccessDenied", "", "AssumeRole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			got := b.sts(c.body)
			b.stsRefused(got, c.status, c.code, c.message)
			record := b.audit.of(got.id)
			if len(record) != 1 || record[0]["eventName"] != c.recorded || record[0]["eventSource"] != "sts.amazonaws.com" {
				t.Errorf("recorded %v", record)
			}
			if strings.Contains(c.name, "tags") && !strings.Contains(got.body, "Tags is not supported") {
				t.Errorf("got %s", got.body)
			}
		})
	}
}

func TestAFormHasAThousandParametersAtMost(t *testing.T) {
	b := newBench(t)
	if got := b.sts("Action=GetCallerIdentity" + version + manyParameters(998, 20)); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// manyParameters are so many parameters, each with a value of so many octets.
func manyParameters(n, size int) string {
	text := strings.Builder{}
	for i := range n {
		fmt.Fprintf(&text, "&P%d=%s", i, strings.Repeat("x", size))
	}
	return text.String()
}

// Whoever may call anything may send forms. Four times as many parameters are four times as much to set aside, not sixteen.
func TestAFormTakesMemoryInProportionToItsParameters(t *testing.T) {
	rows := map[string]kms.Row{}
	for _, row := range ops.Table() {
		rows[row.Describe().Name] = row
	}
	allocated := func(n int) uint64 {
		form := []byte("Action=GetCallerIdentity" + version + manyParameters(n, 800))
		least := uint64(math.MaxUint64)
		for range 5 { // what else goes on in this process allocates too
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, body := httpapi.ReadForm(rows, form)
			runtime.ReadMemStats(&after)
			if len(body) < n*800 {
				t.Fatalf("%d parameters make %d octets", n, len(body))
			}
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	if few, many := allocated(240), allocated(960); many > 8*few {
		t.Errorf("240 parameters take %d octets, 960 take %d", few, many)
	}
}

func TestSTSRefusesSignaturesInItsOwnWords(t *testing.T) {
	b := newBench(t)
	whoami := "Action=GetCallerIdentity" + version
	b.stsRefused(b.ask(form(whoami)), 403, "MissingAuthenticationToken", "Request is missing Authentication Token")
	wrong := sigv4.Credentials{AccessKeyID: b.ada.AccessKeyID, SecretAccessKey: []byte("x")}
	b.stsRefused(b.ask(b.sign(form(whoami), wrong)), 403, "SignatureDoesNotMatch", mismatch)
	unknown := sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: []byte("x")}
	b.stsRefused(b.ask(b.sign(form(whoami), unknown)), 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	r := b.sign(form(whoami), b.ada)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	b.stsRefused(b.ask(r), 400, "IncompleteSignature", "")

	other := b.sign(request("TrentService.ListKeys", whoami), b.ada)
	other.Header.Set("Content-Type", formKind)
	other.Header.Del("X-Amz-Target")
	b.stsRefused(b.ask(other), 400, "IncompleteSignature", "'x-amz-target' is named as a SignedHeader, but it does not exist in the HTTP request")
	forKMS, err := sigv4.Signer{Credentials: b.ada, Region: region, Service: "kms"}.Sign(form(whoami), []byte(whoami), b.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	forKMS.RequestURI = "/"
	b.stsRefused(b.ask(forKMS), 403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'. ")
}

func TestSTSHasNoGET(t *testing.T) {
	b := newBench(t)
	r := form("")
	r.Method, r.URL.RawQuery, r.RequestURI = http.MethodGet, "Action=GetCallerIdentity"+version, "/?Action=GetCallerIdentity"+version
	if got := b.ask(b.sign(r, b.ada)); got.status != 404 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
