package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/keyhold/keyhold/internal/admission"
	"github.com/keyhold/keyhold/internal/health"
	"github.com/keyhold/keyhold/kms"
)

// Outbox is how far the audit log is behind the changes.
type Outbox struct {
	Events int     // that are committed and not yet in the log, as far as they were counted
	Lag    float64 // seconds since the first of them was seen
}

// Token is how the token is, in the words of package hsm's Status and PoolStatus.
type Token struct {
	Health                                                       string // one of Sources.Healths
	Epoch                                                        uint64
	Logins, Reopens, Reinitialisations, Discarded, Lost, Refinds uint64
	ClosedKeys, Sessions, InUse, Waiting, Hanging, HangingAtMost int
}

// Sources are asked when somebody looks. They answer from memory, at once. All are required.
type Sources struct {
	Version   string   // of the program
	Healths   []string // every state that the token can be in
	Token     func() Token
	Admission func() admission.Stats
	Health    func() health.Report
	Usage     func() kms.Usage
	Outbox    func() Outbox
}

// measure is one series or several of one name.
type measure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(o *look, tell func(value float64, labels ...string))
}

// look is what the sources say at one moment.
type look struct {
	Sources
	token     Token
	admission admission.Stats
	health    health.Report
	usage     kms.Usage
	outbox    Outbox
}

type teller = func(value float64, labels ...string)

func gauge(name, help string, read func(*look) float64) measure {
	return measure{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, func(o *look, tell teller) { tell(read(o)) }}
}

func counter(name, help string, read func(*look) uint64) measure {
	return measure{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, func(o *look, tell teller) { tell(float64(read(o))) }}
}

func labelled(kind prometheus.ValueType, name, help, label string, read func(*look, teller)) measure {
	return measure{prometheus.NewDesc(name, help, []string{label}, nil), kind, read}
}

// measures is everything that is asked for and not counted.
var measures = []measure{
	labelled(prometheus.GaugeValue, "keyhold_build_info", "1, with the program's version.", "version",
		func(o *look, tell teller) { tell(1, o.Version) }),

	labelled(prometheus.GaugeValue, "keyhold_check_ok", "1 for each part of readiness that is in order.", "check",
		func(o *look, tell teller) {
			for _, f := range o.health.Findings {
				tell(one(f.OK), f.Name)
			}
		}),
	labelled(prometheus.GaugeValue, "keyhold_check_age_seconds", "How long ago each part of readiness was looked at; that of the token is its canary's.",
		"check", func(o *look, tell teller) {
			for _, f := range o.health.Findings {
				tell(f.Age, f.Name)
			}
		}),

	gauge("keyhold_admission_inside", "Requests in hand that use the token.", func(o *look) float64 { return float64(o.admission.Inside) }),
	gauge("keyhold_admission_waiting", "Requests that wait for the token.", func(o *look) float64 { return float64(o.admission.Waiting) }),
	gauge("keyhold_admission_principals", "Principals of whom a request waits.", func(o *look) float64 { return float64(o.admission.Principals) }),
	gauge("keyhold_admission_oldest_wait_seconds", "How long the first of those that wait has waited.",
		func(o *look) float64 { return o.admission.OldestWait.Seconds() }),
	counter("keyhold_admission_entered_total", "Requests that were let in.", func(o *look) uint64 { return o.admission.Entered }),
	labelled(prometheus.CounterValue, "keyhold_admission_refused_total", "Requests that were not let in, by reason.", "reason",
		func(o *look, tell teller) {
			for why, n := range o.admission.Refused {
				tell(float64(n), why.Label())
			}
		}),

	labelled(prometheus.GaugeValue, "keyhold_token_health", "1 for the state that the token is in.", "state",
		func(o *look, tell teller) {
			for _, h := range o.Healths {
				tell(one(o.token.Health == h), h)
			}
		}),
	gauge("keyhold_token_epoch", "Logins and reopenings that succeeded.", func(o *look) float64 { return float64(o.token.Epoch) }),
	counter("keyhold_token_logins_total", "Calls of C_Login.", func(o *look) uint64 { return o.token.Logins }),
	counter("keyhold_token_reopens_total", "Times that the sessions were opened anew.", func(o *look) uint64 { return o.token.Reopens }),
	counter("keyhold_token_reinitialisations_total", "Times that the module was initialised anew.",
		func(o *look) uint64 { return o.token.Reinitialisations }),
	counter("keyhold_token_sessions_discarded_total", "Sessions that were closed because of an error.",
		func(o *look) uint64 { return o.token.Discarded }),
	counter("keyhold_token_calls_lost_total", "Calls that did not return in time.", func(o *look) uint64 { return o.token.Lost }),
	counter("keyhold_token_handles_refound_total", "Object handles that had become stale.", func(o *look) uint64 { return o.token.Refinds }),
	gauge("keyhold_token_keys_closed", "Keys that are closed for encryption because of a bad IV.",
		func(o *look) float64 { return float64(o.token.ClosedKeys) }),
	gauge("keyhold_token_pool_sessions", "Sessions that may be in use at a time.", func(o *look) float64 { return float64(o.token.Sessions) }),
	gauge("keyhold_token_pool_in_use", "Sessions in use.", func(o *look) float64 { return float64(o.token.InUse) }),
	gauge("keyhold_token_pool_waiting", "Calls that wait for a session.", func(o *look) float64 { return float64(o.token.Waiting) }),
	gauge("keyhold_token_calls_hanging", "Calls that have not returned yet, each with its session.",
		func(o *look) float64 { return float64(o.token.Hanging) }),
	gauge("keyhold_token_calls_hanging_limit", "Hanging calls at which the process ends.",
		func(o *look) float64 { return float64(o.token.HangingAtMost) }),

	gauge("keyhold_generation_uses_highest", "Encryptions of the key generation in use that has made most.",
		func(o *look) float64 { return float64(o.usage.Highest) }),
	gauge("keyhold_generation_uses_renewal", "Encryptions after which a key gets a new generation.",
		func(o *look) float64 { return float64(o.usage.RenewAfter) }),
	gauge("keyhold_generation_uses_ceiling", "Encryptions that no generation may exceed.",
		func(o *look) float64 { return float64(o.usage.Most) }),

	gauge("keyhold_audit_outbox_events", "Changes whose event is not in the audit log yet.", func(o *look) float64 { return float64(o.outbox.Events) }),
	gauge("keyhold_audit_outbox_lag_seconds", "For how long there have been such events.", func(o *look) float64 { return o.outbox.Lag }),
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (s Sources) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range measures {
		descs <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (s Sources) Collect(values chan<- prometheus.Metric) {
	o := &look{Sources: s, token: s.Token(), admission: s.Admission(), health: s.Health(), usage: s.Usage(), outbox: s.Outbox()}
	for _, m := range measures {
		m.read(o, func(value float64, labels ...string) {
			values <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		})
	}
}
