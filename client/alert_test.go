package client_test

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

// A server that wants a certificate breaks off, with TLS 1.3 when the client holds the handshake for done: the request has
// not been read then. The transport may lose the alert to its own write that fails, and then nobody knows.
func TestARefusedHandshakeLeavesNoDoubt(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request was read") }))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: version, MaxVersion: version}
			server.StartTLS()
			defer server.Close()
			c := fake(t, &answers{}, func(config *client.Config) {
				config.Endpoint, config.HTTPClient = server.URL, server.Client()
			})
			told, asked := 0, 0
			for ; asked < 50 || told == 0 && asked < 1000; asked++ {
				_, err := c.CreateKey(t.Context(), &api.CreateKeyInput{})
				var e *client.Error
				alert := err != nil && strings.Contains(err.Error(), "remote error: tls: ")
				if !errors.As(err, &e) || e.Attempts != 1 || alert && e.Uncertain {
					t.Errorf("got %v", err)
				}
				if alert {
					told++
				}
			}
			if told == 0 || version == tls.VersionTLS12 && told != asked {
				t.Errorf("the alert was seen %d times of %d", told, asked)
			}
		})
	}
}
