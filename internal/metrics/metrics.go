// Package metrics says in Prometheus's text format what a server does and how it is. No label is the name of anything
// that belongs to somebody: no key, principal or account.
package metrics

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// unknown is the operation of a request for none that there is; done the code of one that succeeded.
const (
	unknown = "unknown"
	done    = "OK"
)

// buckets are those of a request's and of a token call's duration, in seconds: from a symmetric operation on a fast token
// to the longest that is waited for.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Metrics counts what it is told of, and asks its Sources for the rest when it is looked at. It is safe for concurrent
// use.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	admitted prometheus.Histogram
	pool     prometheus.Histogram
	calls    *prometheus.HistogramVec
	failures *prometheus.CounterVec
}

// New makes a Metrics, which is not global: several of them count apart.
func New(s Sources) *Metrics {
	m := &Metrics{
		registry: prometheus.NewPedanticRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyhold_requests_total", Help: "Requests answered, by operation and error code; OK when there was no error.",
		}, []string{"operation", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyhold_request_duration_seconds", Help: "Time from a request's header to its answer.", Buckets: buckets,
		}, []string{"operation"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "keyhold_requests_in_flight", Help: "Requests that are being answered."}),
		admitted: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyhold_admission_wait_seconds", Help: "Time that requests that use the token waited for their turn, without those over a rate.",
			Buckets: buckets,
		}),
		pool: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "keyhold_token_pool_wait_seconds", Help: "Time that calls of the token waited for a session.", Buckets: buckets,
		}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "keyhold_token_call_duration_seconds", Help: "Time of the service's calls of the token, waiting for a session included.",
			Buckets: buckets,
		}, []string{"call"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "keyhold_token_call_errors_total", Help: "Calls of the token that failed, by class of failure.",
		}, []string{"call", "class"}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.admitted, m.pool, m.calls, m.failures, s,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts one request that was answered. operation is "" for none that there is, code for success.
func (m *Metrics) Request(operation, code string, took time.Duration) {
	if operation == "" {
		operation = unknown
	}
	if code == "" {
		code = done
	}
	m.requests.WithLabelValues(operation, code).Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// Admission counts how long a request waited for its turn.
func (m *Metrics) Admission(waited time.Duration) { m.admitted.Observe(waited.Seconds()) }

// PoolWait counts how long a call of the token waited for a session.
func (m *Metrics) PoolWait(waited time.Duration) { m.pool.Observe(waited.Seconds()) }

// Track counts the requests that a handler has in hand.
func (m *Metrics) Track(h http.Handler) http.Handler {
	return promhttp.InstrumentHandlerInFlight(m.inFlight, h)
}

// Handler answers with everything that is counted.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
