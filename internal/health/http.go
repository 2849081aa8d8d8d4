package health

import (
	"encoding/json"
	"net/http"
)

// Live answers 200 to whoever asks whether the process lives: that it answers is the proof.
func (m *Monitor) Live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte("ok\n")) // who went away needs no answer
}

// Ready answers with the Report as JSON: 200 when the process is ready, else 503.
func (m *Monitor) Ready(w http.ResponseWriter, _ *http.Request) {
	report := m.Report()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(report) // who went away needs no answer
}
