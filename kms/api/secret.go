package api

import (
	"fmt"
	"io"
	"log/slog"
)

// SecretText is a text that is a secret, such as SecretAccessKey. Its JSON is the text, because the wire carries it;
// formatting, logs and audit records never do. It is a Sensitive for members that are strings on the wire, and cannot be
// wiped.
type SecretText string

// String never shows the text.
func (s SecretText) String() string { return redacted }

// GoString never shows the text.
func (s SecretText) GoString() string { return redacted }

// Format never shows the text, whatever the verb.
func (s SecretText) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue never shows the text.
func (s SecretText) LogValue() slog.Value { return slog.StringValue(redacted) }
