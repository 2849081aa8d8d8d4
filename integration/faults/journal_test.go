package faults

import (
	"log/slog"
	"strings"
	"sync"
)

// journal keeps the log of one cell, for the report of one that failed: the answers on the wire do not tell the cause.
type journal struct {
	mu    sync.Mutex
	lines []string
}

// mostLines bounds a journal: what came first tells most.
const mostLines = 60

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.lines) < mostLines {
		j.lines = append(j.lines, strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// logger begins a new journal.
func (j *journal) logger() *slog.Logger {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = nil
	return slog.New(slog.NewTextHandler(j, nil))
}

// read is the journal so far.
func (j *journal) read() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}
