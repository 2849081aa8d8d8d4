package client_test

import (
	"crypto/tls"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

func TestConfigurationsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*client.Config)
		want string
	}{
		"no endpoint":               {func(c *client.Config) { c.Endpoint = "" }, "name an endpoint"},
		"a host alone":              {func(c *client.Config) { c.Endpoint = "kms.example.test" }, "is not a URL such as"},
		"a host and port alone":     {func(c *client.Config) { c.Endpoint = "kms.example.test:8443" }, "is not a URL such as"},
		"no host":                   {func(c *client.Config) { c.Endpoint = "https://:8443" }, "is not a URL such as"},
		"a path":                    {func(c *client.Config) { c.Endpoint = "https://kms.example.test/kms" }, "served at / only"},
		"a query":                   {func(c *client.Config) { c.Endpoint = "https://kms.example.test/?x" }, "served at / only"},
		"another scheme":            {func(c *client.Config) { c.Endpoint = "ftp://kms.example.test" }, `scheme is "ftp"`},
		"a password":                {func(c *client.Config) { c.Endpoint = "https://ada:hunter2@kms.example.test" }, "must not hold a name or password"},
		"a broken URL":              {func(c *client.Config) { c.Endpoint = "https://ada:hunter2@[kms" }, "is not a URL such as"},
		"plain HTTP":                {func(c *client.Config) { c.Endpoint = "http://kms.example.test" }, "in clear over the network; use https"},
		"plain HTTP to a lookalike": {func(c *client.Config) { c.Endpoint = "http://localhost.example.test" }, "in clear over the network"},
		"plain HTTP to everybody":   {func(c *client.Config) { c.Endpoint = "http://0.0.0.0" }, "in clear over the network"},
		"an old TLS":                {func(c *client.Config) { c.TLS = &tls.Config{MinVersion: tls.VersionTLS11} }, "TLS versions below 1.2"},
		"an old TLS at most":        {func(c *client.Config) { c.TLS = &tls.Config{MaxVersion: tls.VersionTLS10} }, "TLS versions below 1.2"},
		"an old TLS in a transport": {func(c *client.Config) {
			c.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS10}}}
		}, "TLS versions below 1.2"},
		"two places for TLS":        {func(c *client.Config) { c.HTTPClient, c.TLS = &http.Client{}, &tls.Config{} }, "TLS is for the default HTTP client"},
		"negative attempts":         {func(c *client.Config) { c.Retry.Attempts = -1 }, "must not be negative"},
		"a negative delay":          {func(c *client.Config) { c.Retry.MaxDelay = -1 }, "must not be negative"},
		"a negative timeout":        {func(c *client.Config) { c.Timeout = -1 }, "must not be negative"},
		"a user agent in two lines": {func(c *client.Config) { c.UserAgent = "a\r\nX-Amz-Target: b" }, "printable ASCII"},
		"a long user agent":         {func(c *client.Config) { c.UserAgent = strings.Repeat("a", 257) }, "at most 256 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			config := client.Config{Endpoint: "https://kms.example.test", Region: region}
			c.edit(&config)
			_, err := client.New(config)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestEndpointsThatAreTaken(t *testing.T) {
	for _, endpoint := range []string{"https://kms.example.test", "https://kms.example.test:8443/", "http://127.0.0.1:8080", "http://[::1]:8080", "http://LocalHost",
		client.AWSEndpoint("eu-central-1"), client.AWSEndpoint("cn-north-1")} {
		if _, err := client.New(client.Config{Endpoint: endpoint, Region: region}); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if _, err := client.New(client.Config{Endpoint: "http://kms.example.test", InsecurePlainHTTP: true, Region: region}); err != nil {
		t.Error(err)
	}
	if got := client.AWSEndpoint("cn-north-1"); got != "https://kms.cn-north-1.amazonaws.com.cn" {
		t.Errorf("China's is %s", got)
	}
}

func TestARequestIsAsTheConfigurationSays(t *testing.T) {
	a := &answers{list: []responder{fine}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := fake(t, a, func(c *client.Config) {
		c.UserAgent, c.Now = "ledger/7", func() time.Time { return at }
		c.Credentials = client.Static(client.NewCredentials("ASIAEXAMPLE", []byte("secret"), "token", time.Time{}))
	})
	if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
		t.Fatal(err)
	}
	r := a.seen[0]
	for name, want := range map[string]string{"User-Agent": "ledger/7 keyhold-go/1", "X-Amz-Target": "TrentService.ListKeys", "X-Amz-Date": "20260102T030405Z",
		"Content-Type": "application/x-amz-json-1.1", "X-Amz-Security-Token": "token"} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if auth := r.Header.Get("Authorization"); !strings.Contains(auth, "Credential=ASIAEXAMPLE/20260102/eu-central-1/kms/aws4_request") ||
		!strings.Contains(auth, "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,") {
		t.Errorf("it is signed as %s", auth)
	}
	if r.Method != http.MethodPost || r.URL.String() != "https://kms.example.test/" {
		t.Errorf("it is %s %s", r.Method, r.URL)
	}
}

func TestAServerThatIsNotTrustedIsNotAsked(t *testing.T) {
	b := newBench(t)
	c := b.newClient(func(c *client.Config) { c.TLS = nil })
	_, err := c.ListKeys(t.Context(), &api.ListKeysInput{})
	if err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), "attempts") || b.audit.count("ListKeys") != 0 {
		t.Errorf("got %v", err)
	}
}

func TestNoCookieIsKept(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := &answers{list: []responder{says(200, `{"Keys":[]}`, "Set-Cookie", "who=ada")}}
	c := fake(t, a, func(c *client.Config) { c.HTTPClient.Jar = jar })
	for range 2 {
		if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := a.seen[1].Header.Get("Cookie"); got != "" {
		t.Errorf("the second request carries %s", got)
	}
}

func TestARequestThatIsTooLargeIsNotSent(t *testing.T) {
	a := &answers{list: []responder{fine}}
	_, err := fake(t, a).ListKeys(t.Context(), &api.ListKeysInput{Marker: new(strings.Repeat("x", api.MaxBody))})
	if err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") || len(a.seen) != 0 {
		t.Errorf("got %v", err)
	}
}
