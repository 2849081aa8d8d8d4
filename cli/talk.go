package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"
)

// logger is where the parts of the program log to: warnings as plain lines, or everything with --verbose.
func (p *program) logger(c *cli.Context) *slog.Logger {
	if c.Bool("verbose") {
		return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(&plainHandler{out: p.err, lock: new(sync.Mutex)})
}

// plainHandler writes warnings and errors for a person at a terminal: the message, and the attributes in parentheses.
type plainHandler struct {
	out   io.Writer
	lock  *sync.Mutex
	attrs []slog.Attr
}

func (h *plainHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

func (h *plainHandler) Handle(_ context.Context, r slog.Record) error {
	var facts []string
	add := func(a slog.Attr) bool {
		facts = append(facts, fmt.Sprintf("%s: %v", a.Key, a.Value.Resolve()))
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	text := r.Message
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, "; ") + ")"
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	_, err := fmt.Fprintf(h.out, "keyhold: %s\n", legible(strings.ReplaceAll(text, "\n", "; ")))
	return err
}

func (h *plainHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &plainHandler{out: h.out, lock: h.lock, attrs: append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)}
}

// WithGroup is not used by Keyhold; names of groups are left out.
func (h *plainHandler) WithGroup(string) slog.Handler { return h }
