package faults

import (
	"log/slog"
	"strings"
	"sync"
)

// journal keeps the log of one cell, for the report of one that failed: the answers on the wire do not tell the cause.
type journal struct {
	mu       sync.Mutex
	lines    []string
	requests int // lines that are about a failed request
}

// mostLines bounds a journal, and mostRequests what in it is about requests: what came first tells most.
const (
	mostLines    = 60
	mostRequests = 10
)

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	aboutRequest := strings.Contains(string(p), "a request failed")
	if aboutRequest {
		j.requests++
	}
	if len(j.lines) < mostLines && (j.requests <= mostRequests || !aboutRequest) {
		j.lines = append(j.lines, strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// logger begins a new journal.
func (j *journal) logger() *slog.Logger {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines, j.requests = nil, 0
	return slog.New(slog.NewTextHandler(j, nil))
}

// read is the journal so far.
func (j *journal) read() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}
