package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyhold/keyhold/internal/health"
)

// ask is what a load balancer sees.
func ask(t *testing.T, m *health.Monitor) (int, health.Report) {
	t.Helper()
	w := httptest.NewRecorder()
	m.Ready(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	var report health.Report
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if report.Ready != (w.Code == http.StatusOK) {
		t.Errorf("status %d says something else than %s", w.Code, w.Body)
	}
	return w.Code, report
}

// watched runs a monitor over two checks in a bubble of synthetic time.
func watched(t *testing.T, token, store func(context.Context) error, story func(*health.Monitor)) {
	synctest.Test(t, func(t *testing.T) {
		m, err := health.New(health.Config{Checks: []health.Check{{Name: "token", Run: token}, {Name: "store", Run: store}}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if code, report := ask(t, m); code != http.StatusServiceUnavailable || report.Findings[0].Age >= 0 {
			t.Errorf("before anything was looked at: %d, %+v", code, report)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		synctest.Wait()
		story(m)
		cancel()
		running.Wait()
	})
}

func fine(context.Context) error { return nil }

func TestReadinessGoesWithTheTokenAndComesBackWithIt(t *testing.T) {
	var gone atomic.Bool
	token := func(context.Context) error {
		if gone.Load() {
			return errors.New("the token is not there")
		}
		return nil
	}
	watched(t, token, fine, func(m *health.Monitor) {
		if code, report := ask(t, m); code != http.StatusOK || len(report.Findings) != 2 {
			t.Errorf("all is well: %d, %+v", code, report)
		}
		gone.Store(true)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		code, report := ask(t, m)
		if f := report.Findings[0]; code != http.StatusServiceUnavailable || f.Name != "token" || f.OK || f.Reason != "the token is not there" {
			t.Errorf("without the token: %d, %+v", code, report)
		}
		if f := report.Findings[1]; f.Name != "store" || !f.OK {
			t.Errorf("the store suffers from the token: %+v", f)
		}
		gone.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if code, report := ask(t, m); code != http.StatusOK {
			t.Errorf("the token is back: %d, %+v", code, report)
		}
	})
}

func TestACheckThatHangsIsNoLongerBelieved(t *testing.T) {
	var runs atomic.Int64
	token := func(ctx context.Context) error {
		if runs.Add(1) > 1 {
			<-ctx.Done()
		}
		return nil
	}
	watched(t, token, fine, func(m *health.Monitor) {
		time.Sleep(5 * time.Second)
		if code, _ := ask(t, m); code != http.StatusOK {
			t.Errorf("a success of 5 s ago: %d", code)
		}
		time.Sleep(100 * time.Millisecond)
		code, report := ask(t, m)
		if f := report.Findings[0]; code != http.StatusServiceUnavailable || f.OK || f.Age < 5 || f.Reason == "" {
			t.Errorf("a success of more than 5 s ago: %d, %+v", code, report)
		}
		if !report.Findings[1].OK {
			t.Errorf("the other check is held up: %+v", report)
		}
	})
}

func TestAProcessThatEndsIsNotReadyAndLives(t *testing.T) {
	watched(t, fine, fine, func(m *health.Monitor) {
		m.End("the server is ending")
		if code, report := ask(t, m); code != http.StatusServiceUnavailable || report.Reason != "the server is ending" {
			t.Errorf("%d, %+v", code, report)
		}
		w := httptest.NewRecorder()
		m.Live(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if w.Code != http.StatusOK || w.Body.String() != "ok\n" {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	})
}

func TestAMonitorNeedsChecksAndAClock(t *testing.T) {
	for name, c := range map[string]health.Config{
		"no checks": {Now: time.Now}, "no clock": {Checks: []health.Check{{Name: "token", Run: fine}}},
	} {
		if _, err := health.New(c); err == nil {
			t.Errorf("%s: it was made", name)
		}
	}
}
