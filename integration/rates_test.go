package integration

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/sigv4"
)

// Each rate refuses what it is for, and nothing else, and the log names it.
func TestEachRateRefusesItsOwnOperations(t *testing.T) {
	h := newHome(t)
	h.run("principal", "create", "user", "other", "--administrator")
	other := h.accessKey("other")
	key := h.createKey()
	operations := map[string]string{
		"symmetric": "Encrypt", "management": "UpdateKeyDescription", "read": "DescribeKey",
	}
	bodies := map[string]string{
		"Encrypt": `{"KeyId": "` + key + `", "Plaintext": "b3JkZXJz"}`, "DescribeKey": `{"KeyId": "` + key + `"}`,
		"UpdateKeyDescription": `{"KeyId": "` + key + `", "Description": "orders"}`,
	}
	for field, c := range map[string]struct {
		rates  configs.Rates
		reason string
		spared []string // other operations of the same user
	}{
		"symmetric":  {configs.Rates{Symmetric: 1}, "class-rate", []string{"DescribeKey", "UpdateKeyDescription"}},
		"management": {configs.Rates{Management: 1}, "class-rate", []string{"DescribeKey", "Encrypt"}},
		"read":       {configs.Rates{Read: 1}, "class-rate", []string{"Encrypt", "UpdateKeyDescription"}},
		"account":    {configs.Rates{Account: 1}, "account-rate", nil},
		"principal":  {configs.Rates{Principal: 1}, "principal-rate", nil},
	} {
		t.Run(field, func(t *testing.T) {
			h := &home{t: t, dir: h.dir, data: h.data, credentials: h.credentials}
			h.edit(func(config *configs.Config) { config.Server.Rates = c.rates })
			s := h.serve()
			operation := operations[field]
			if operation == "" {
				operation = "DescribeKey" // which waits for nobody, and has rates all the same
			}
			refused := s.storm(h.credentials, operation, bodies[operation])
			if refused == 0 {
				t.Error("none was refused")
			}
			for _, spared := range c.spared {
				s.call(h.credentials, spared, bodies[spared])
			}
			if field == "principal" {
				s.call(other, operation, bodies[operation])
			}
			if counted := s.value(`keyhold_admission_refused_total{reason="` + c.reason + `"}`); counted < float64(refused) {
				t.Errorf("%v refusals are counted, and %d were made", counted, refused)
			}
			s.stop()
			if logged := strings.Count(s.said(), "(server.rates."+field+")"); logged < refused {
				t.Errorf("%d refusals in the log name the rate, and %d were made:\n%s", logged, refused, s.said())
			}
		})
	}
}

// storm sends 16 requests at once and answers how many were refused with ThrottlingException; the others must succeed.
func (s *server) storm(who sigv4.Credentials, operation, body string) int {
	s.t.Helper()
	var mu sync.Mutex
	var clients sync.WaitGroup
	refused, served := 0, 0
	for range 16 {
		clients.Go(func() {
			a, err := s.send(s.t.Context(), who, serveRegion, operation, body)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && a.status == http.StatusOK:
				served++
			case err == nil && a.status == http.StatusBadRequest && a.errorName() == "ThrottlingException":
				refused++
			default:
				s.t.Errorf("%s: %d %v, %v", operation, a.status, a.body, err)
			}
		})
	}
	clients.Wait()
	if served == 0 {
		s.t.Errorf("%s: none was let in", operation)
	}
	return refused
}

// value is that of one series.
func (s *server) value(series string) (value float64) {
	s.t.Helper()
	_, text := s.look("/metrics")
	_, rest, found := strings.Cut(text, "\n"+series+" ")
	if _, err := fmt.Sscan(rest, &value); !found || err != nil {
		s.t.Fatalf("no %s in\n%s", series, text)
	}
	return value
}
