package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

// endpointVariable has this test, in a process of its own, call an endpoint: net/http reads HTTP_PROXY once.
const endpointVariable = "KEYHOLD_TEST_ENDPOINT"

// What may go to this host in clear does not go through a proxy, whoever runs that.
func TestAProxyIsNotToldWhatIsForThisHost(t *testing.T) {
	if endpoint := os.Getenv(endpointVariable); endpoint != "" {
		c, err := client.New(client.Config{Endpoint: endpoint, Region: region, Retry: client.Retry{Attempts: 1}})
		if err != nil {
			t.Fatal(err)
		}
		var failed *client.Error
		if _, err = c.ListKeys(t.Context(), &api.ListKeysInput{}); !errors.As(err, &failed) {
			t.Fatalf("nobody is there, and the call ends with %v", err)
		}
		return
	}
	told := make(chan string, 16)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.String() }))
	defer proxy.Close()
	call := func(endpoint string) {
		t.Helper()
		cmd := exec.Command(os.Args[0], "-test.run=^TestAProxyIsNotToldWhatIsForThisHost$")
		cmd.Env = append(os.Environ(), endpointVariable+"="+endpoint, "HTTP_PROXY="+proxy.URL, "HTTPS_PROXY="+proxy.URL, "NO_PROXY=",
			"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=example")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", endpoint, err, out)
		}
	}
	for _, host := range []string{"localhost", "LocalHost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"} {
		call("http://" + host + ":1")
	}
	for len(told) > 0 {
		t.Errorf("the proxy was asked for %s", <-told)
	}
	call("https://kms.example.test")
	if len(told) == 0 {
		t.Error("the proxy was not asked for another host")
	}
}
