package integration

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/sigv4"
	"github.com/keyhold/keyhold/softhsm/faultp11"
)

// Everything that docs/operating.md lists is there, moves with the load, and there is nothing else.
func TestTheMetricsAreThoseOfTheDocumentAndMoveWithTheLoad(t *testing.T) {
	h := newHome(t)
	control := h.faulty()
	h.edit(func(c *configs.Config) { c.Token.Sessions = 2 })
	s := h.serve()
	s.await(http.StatusOK)
	key := s.call(h.credentials, "CreateKey", "{}").body["KeyMetadata"].(map[string]any)["KeyId"].(string)
	s.await(http.StatusOK)
	before := s.metrics()
	control.Delay(faultp11.Encrypt, 100*time.Millisecond) // long enough for others to come meanwhile
	s.encryptAtOnce(h.credentials, key, 40)               // of which two have a session and six more are inside
	control.Delay(faultp11.Encrypt, 0)
	if a, err := s.send(t.Context(), h.credentials, serveRegion, "Decrypt", `{"CiphertextBlob": "b3JkZXJz"}`); err != nil || a.errorName() != "InvalidCiphertextException" {
		t.Errorf("no ciphertext was opened: %v, %v", a, err)
	}
	control.Kill(0x32, faultp11.DeadInitializes|faultp11.DeadFinalizes)
	s.await(http.StatusServiceUnavailable)
	if a, err := s.send(t.Context(), h.credentials, serveRegion, "Encrypt", `{"KeyId": "`+key+`", "Plaintext": "b3JkZXJz"}`); err != nil || a.errorName() != "KeyUnavailableException" {
		t.Errorf("without the token: %v, %v", a, err)
	}
	control.Revive()
	s.await(http.StatusOK)
	after := valuesOf(t, s.lookReady())
	for series, least := range map[string]float64{
		`keyhold_requests_total{code="OK",operation="Encrypt"}`:                         40,
		`keyhold_requests_total{code="InvalidCiphertextException",operation="Decrypt"}`: 1,
		`keyhold_request_duration_seconds_count{operation="Encrypt"}`:                   40,
		`keyhold_request_duration_seconds_sum{operation="Encrypt"}`:                     40 * .1,
		`keyhold_token_call_duration_seconds_count{call="encrypt"}`:                     40,
		`keyhold_token_call_duration_seconds_sum{call="encrypt"}`:                       40 * .1,
		`keyhold_token_pool_wait_seconds_count`:                                         40,
		`keyhold_token_pool_wait_seconds_sum`:                                           .1,
		`keyhold_admission_wait_seconds_count`:                                          41,
		`keyhold_admission_wait_seconds_sum`:                                            .1,
		`keyhold_admission_entered_total`:                                               41,
		`keyhold_generation_uses_highest`:                                               40,
	} {
		if moved := after[series] - before[series]; moved < least {
			t.Errorf("%s went from %v to %v, want %v more", series, before[series], after[series], least)
		}
	}
	for series, want := range map[string]float64{
		`keyhold_token_pool_sessions`: 2, `keyhold_generation_uses_ceiling`: 1 << 32, `keyhold_audit_outbox_events`: 0,
		`keyhold_audit_outbox_lag_seconds`: 0, `keyhold_admission_waiting`: 0, `keyhold_check_ok{check="token"}`: 1,
	} {
		if got, there := after[series]; !there || got != want {
			t.Errorf("%s is %v, %v; want %v", series, got, there, want)
		}
	}
	failed := 0.0
	for series, value := range after {
		if strings.HasPrefix(series, "keyhold_token_call_errors_total{") && strings.Contains(series, `class="unavailable"`) {
			failed += value
		}
	}
	if failed == 0 {
		t.Error("no call of the token that was away is counted")
	}
	if age := after[`keyhold_check_age_seconds{check="token"}`]; age < 0 || age > 5 {
		t.Errorf("the canary of a ready server is %v s old", age)
	}
	if _, isThere := after["go_goroutines"]; !isThere || after["process_open_fds"] == 0 {
		t.Error("there is nothing of the runtime or the process")
	}
	documented, exposed := documentedSeries(t), s.exposedSeries()
	if !slices.Equal(documented, exposed) {
		t.Errorf("docs/operating.md and /metrics have\n%q\n%q", documented, exposed)
	}
	s.stop()
}

// encryptAtOnce sends n requests at a time; each must succeed in the end.
func (s *server) encryptAtOnce(who sigv4.Credentials, key string, n int) {
	s.t.Helper()
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() {
			for end := time.Now().Add(soon); time.Now().Before(end); {
				a, err := s.send(s.t.Context(), who, serveRegion, "Encrypt", `{"KeyId": "`+key+`", "Plaintext": "b3JkZXJz"}`)
				if err == nil && a.status == http.StatusOK {
					return
				}
				if err != nil || a.errorName() != "ThrottlingException" {
					s.t.Errorf("%v, %v", a, err)
					return
				}
			}
			s.t.Error("it was throttled all the time")
		})
	}
	clients.Wait()
}

// lookReady are the metrics of a server that is ready by them: on a machine that is held up, a look is too old now and then.
func (s *server) lookReady() string {
	s.t.Helper()
	for end := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) {
		code, text := s.look("/metrics")
		if code == http.StatusOK && strings.Contains(text, "\nkeyhold_check_ok{check=\"token\"} 1\n") || time.Now().After(end) {
			return text
		}
	}
}

// metrics are the values of all series.
func (s *server) metrics() map[string]float64 {
	s.t.Helper()
	code, text := s.look("/metrics")
	if code != http.StatusOK {
		s.t.Fatalf("%d: %s", code, text)
	}
	return valuesOf(s.t, text)
}

// valuesOf are the values of series as the server tells them.
func valuesOf(t *testing.T, text string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		if line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		var value float64
		if _, err := fmt.Sscan(line[at+1:], &value); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		values[line[:at]] = value
	}
	return values
}

var typeLine = regexp.MustCompile(`(?m)^# TYPE (keyhold_\S+) `)

// exposedSeries are the names of Keyhold's own series, with the names of their labels.
func (s *server) exposedSeries() []string {
	s.t.Helper()
	_, text := s.look("/metrics")
	var names []string
	for _, match := range typeLine.FindAllStringSubmatch(text, -1) {
		sample := regexp.MustCompile(`(?m)^` + match[1] + `(?:_sum)?(?:\{([^}]*)\})? `).FindStringSubmatch(text)
		var labels []string
		for _, pair := range strings.Split(sample[1], `",`) {
			if label, _, isPair := strings.Cut(pair, "="); isPair {
				labels = append(labels, label)
			}
		}
		slices.Sort(labels)
		names = append(names, match[1]+" "+strings.Join(labels, ","))
	}
	slices.Sort(names)
	return names
}

var tableRow = regexp.MustCompile("(?m)^\\| `(keyhold_[a-z_]+)` \\|([^|]*)\\|")

// documentedSeries are those of docs/operating.md in the same form.
func documentedSeries(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range tableRow.FindAllStringSubmatch(string(text), -1) {
		labels := strings.FieldsFunc(match[2], func(r rune) bool { return strings.ContainsRune("`, ", r) })
		slices.Sort(labels)
		names = append(names, match[1]+" "+strings.Join(labels, ","))
	}
	slices.Sort(names)
	return names
}

// Whatever callers send, authenticated or not, makes no series of its own.
func TestCallersCannotMakeSeries(t *testing.T) {
	h := newHome(t)
	s := h.serve()
	s.await(http.StatusOK)
	// What the server does by itself may make a series now and then, and callers would make others each time.
	var before, now []string
	for round := 0; round < 2 || round < 10 && !slices.Equal(before, now); round++ {
		before, now = now, nil
		for i := range 20 {
			s.annoy(h.credentials, fmt.Sprintf("x%d-%d", round, i))
		}
		for name := range s.metrics() {
			if strings.HasPrefix(name, "keyhold_") {
				now = append(now, name)
			}
			if strings.Contains(name, fmt.Sprintf("x%d-", round)) || strings.Contains(name, h.credentials.AccessKeyID) {
				t.Errorf("a caller chose %s", name)
			}
		}
		slices.Sort(now)
	}
	if !slices.Equal(before, now) {
		t.Errorf("another round made other series:\n%q\n%q", before, now)
	}
	operations := map[string]bool{}
	for _, name := range now {
		if _, rest, ok := strings.Cut(name, `operation="`); ok {
			operation, _, _ := strings.Cut(rest, `"`)
			operations[operation] = true
		}
	}
	if got := slices.Sorted(maps.Keys(operations)); !slices.Equal(got, []string{"GetCallerIdentity", "unknown"}) {
		t.Errorf("the operations are %q", got)
	}
	s.stop()
}

// annoy sends one request of each hostile kind; name is different each time.
func (s *server) annoy(who sigv4.Credentials, name string) {
	s.t.Helper()
	stranger := sigv4.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(strings.ReplaceAll(name, "-", "Q")) + "QQQQQQQQQQQQ", SecretAccessKey: []byte("a secret of sixteen")}
	for _, c := range []struct {
		who                     sigv4.Credentials
		region, operation, body string
	}{
		{who, serveRegion, name, "{}"}, {who, serveRegion, `Encrypt"} 1`, name}, {stranger, serveRegion, "Encrypt", "{}"},
		{stranger, serveRegion, name, "{}"}, {who, name, name, "{}"}, {who, serveRegion, strings.Repeat(name, 200), "{}"},
	} {
		if a, err := s.send(s.t.Context(), c.who, c.region, c.operation, c.body); err != nil || a.status < 400 {
			s.t.Errorf("%s: %v, %v", c.operation, a, err)
		}
	}
	for _, text := range []string{"Action=" + name + "&Version=2011-06-15", "Action=GetCallerIdentity&Version=2011-06-15&RoleSessionName=" + name} {
		r, err := http.NewRequest(http.MethodPost, s.url+"/", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r, err = (sigv4.Signer{Credentials: who, Region: serveRegion, Service: "sts"}).Sign(r, []byte(text), time.Now()); err != nil {
			s.t.Fatal(err)
		}
		response, err := s.client.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		_ = response.Body.Close()
	}
}
