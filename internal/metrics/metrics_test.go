package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/admission"
	"github.com/keyhold/keyhold/internal/health"
	"github.com/keyhold/keyhold/internal/metrics"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

func newMetrics(t *testing.T) *metrics.Metrics {
	gate, err := admission.New(admission.Config{Capacity: 2, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Enter(t.Context(), admission.Ticket{Account: "1"}); err != nil {
		t.Fatal(err)
	}
	return metrics.New(metrics.Sources{
		Version: "v1", Admission: gate.Stats, Healths: []string{"healthy", "recovering"},
		Token: func() metrics.Token {
			return metrics.Token{Health: "recovering", Epoch: 3, Logins: 2, Sessions: 16, InUse: 4, Waiting: 1, HangingAtMost: 32}
		},
		Health: func() health.Report {
			return health.Report{Findings: []health.Finding{{Name: "token", Age: 1.5}, {Name: "store", OK: true}}}
		},
		Usage:  func() kms.Usage { return kms.Usage{Highest: 7, RenewAfter: 1 << 31, Most: 1 << 32} },
		Outbox: func() metrics.Outbox { return metrics.Outbox{Events: 2, Lag: 9} },
	})
}

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("%q is not in\n%s", line, text)
		}
	}
}

func TestWhatTheSourcesSayIsThere(t *testing.T) {
	wantLines(t, scrape(t, newMetrics(t)),
		`keyhold_build_info{version="v1"} 1`,
		`keyhold_check_ok{check="token"} 0`, `keyhold_check_ok{check="store"} 1`, `keyhold_check_age_seconds{check="token"} 1.5`,
		`keyhold_admission_inside 1`, `keyhold_admission_entered_total 1`, `keyhold_admission_refused_total{reason="crowded"} 0`,
		`keyhold_token_health{state="recovering"} 1`, `keyhold_token_health{state="healthy"} 0`,
		`keyhold_token_epoch 3`, `keyhold_token_logins_total 2`, `keyhold_token_pool_sessions 16`, `keyhold_token_pool_waiting 1`,
		`keyhold_generation_uses_highest 7`, `keyhold_generation_uses_ceiling 4.294967296e+09`,
		`keyhold_audit_outbox_events 2`, `keyhold_audit_outbox_lag_seconds 9`)
}

func TestRequestsAreCountedByOperationAndCode(t *testing.T) {
	m := newMetrics(t)
	m.Request("Encrypt", "", 3*time.Millisecond)
	m.Request("Encrypt", "ThrottlingException", time.Millisecond)
	m.Request("", "UnknownOperationException", time.Millisecond)
	m.Track(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		wantLines(t, scrape(t, m), `keyhold_requests_in_flight 1`)
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	wantLines(t, scrape(t, m),
		`keyhold_requests_total{code="OK",operation="Encrypt"} 1`,
		`keyhold_requests_total{code="ThrottlingException",operation="Encrypt"} 1`,
		`keyhold_requests_total{code="UnknownOperationException",operation="unknown"} 1`,
		`keyhold_request_duration_seconds_count{operation="Encrypt"} 2`,
		`keyhold_request_duration_seconds_bucket{operation="Encrypt",le="0.0025"} 1`,
		`keyhold_requests_in_flight 0`)
}

func TestWaitsAreCounted(t *testing.T) {
	m := newMetrics(t)
	m.Admission(2 * time.Millisecond)
	m.PoolWait(0)
	m.PoolWait(20 * time.Millisecond)
	wantLines(t, scrape(t, m),
		`keyhold_admission_wait_seconds_count 1`, `keyhold_admission_wait_seconds_sum 0.002`,
		`keyhold_token_pool_wait_seconds_count 2`, `keyhold_token_pool_wait_seconds_bucket{le="0.0001"} 1`, `keyhold_token_pool_wait_seconds_sum 0.02`)
}

// Names and units are as Prometheus wants them.
func TestTheSeriesAreNamedAsPrometheusWants(t *testing.T) {
	m := newMetrics(t)
	m.Request("Encrypt", "", time.Millisecond)
	if err := m.Device(brokenDevice{err: device.ErrBusy}, time.Now).Random(t.Context(), nil); err == nil {
		t.Fatal("a broken device works")
	}
	problems, err := promlint.New(strings.NewReader(scrape(t, m))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// brokenDevice fails at what it is told to.
type brokenDevice struct {
	kms.Device
	err error
}

func (d brokenDevice) Random(context.Context, []byte) error { return d.err }

func TestCallsOfTheTokenAreCountedByTheClassOfTheirFailure(t *testing.T) {
	m, ctx := newMetrics(t), t.Context()
	good := m.Device(kmstest.NewFakeDevice(kmstest.FakeConfig{}), time.Now)
	if err := good.Random(ctx, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	for class, err := range map[string]error{
		"busy": device.ErrBusy, "unavailable": fmt.Errorf("%w: it has gone", device.ErrUnavailable), "other": errors.New("?"),
	} {
		if got := m.Device(brokenDevice{err: err}, time.Now).Random(ctx, nil); !errors.Is(got, err) {
			t.Errorf("the error became %v", got)
		}
		wantLines(t, scrape(t, m), `keyhold_token_call_errors_total{call="random",class="`+class+`"} 1`)
	}
	wantLines(t, scrape(t, m), `keyhold_token_call_duration_seconds_count{call="random"} 4`)
}

// A metered device is as good as the one that it counts the calls of.
func TestDevice(t *testing.T) {
	kmstest.TestDevice(t, func(t *testing.T) kms.Device {
		return newMetrics(t).Device(kmstest.NewFakeDevice(kmstest.FakeConfig{}), time.Now)
	})
}
