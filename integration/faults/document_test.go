package faults

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const document = "../../docs/faults.md"

const preface = `# When the token fails

What callers see when a token fails, function by function and way by way. Each cell was run: a whole Keyhold with 100 keys
on SoftHSM2, behind a PKCS #11 module that fails on command (softhsm/faultp11), under 16 callers that encrypt, decrypt,
make data keys, describe, tag and create keys all the time. The file is written by ` + "`make faults`" + ` with -update; a
test holds its outcomes against what is stated in integration/faults. The times are from one run with a call timeout of
%v, on a small machine; they are not compared.

A cell says what callers may see at the most:

| | |
|---|---|
| served | no request fails |
| creation | only requests that create a key may fail |
| refused | while the fault lasts, requests may fail with an error that clients try again: KeyUnavailableException, DependencyTimeoutException or ThrottlingException |
| operator | the same until ` + "`keyhold hsm login`" + `: the PIN was refused, and is not tried again without an operator's word |
%s
In every cell these hold as well, or the test fails:

- no answer is wrong: each ciphertext opens to its plaintext; no good ciphertext is called invalid, and no key that exists
  is called missing;
- what was acknowledged is there afterwards, and nothing is in the token that no row knows;
- the process does not crash, calls the module as the standard allows, and needs no restart;
- everything works again within 5 s after the fault has ended;
- C_Login is called once for a fault at the most (C_Login that fails by itself, other than for the PIN: again after growing
  pauses).

## Each function

"One error" and "lost reply" are CKR_DEVICE_ERROR, without and with the work done; "error until cleared" is
CKR_GENERAL_ERROR for a second; "late" is an answer after twice the call timeout; "hang" lasts until it is released. What
only a recovery calls is failed during one: a reboot or a dead library was injected as well.

`

// compareDocument holds the document against the table, without the times; with -update it writes both.
func compareDocument(t *testing.T, cells []cell, results map[string]result, all bool) {
	t.Helper()
	if *update && !all {
		t.Fatalf("the document is of the whole matrix: set %s=all with -update", allEnv)
	}
	want := render(matrix(), results)
	if *update {
		if t.Failed() {
			t.Fatal("the document is not written: it would not be true")
		}
		if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if timeless(string(got)) != timeless(want) {
		t.Errorf("%s does not say what the table states; run make faults FAULTSFLAGS=-update", document)
	}
}

var times = regexp.MustCompile(`[0-9]+(\.[0-9]+)? s\b|\?`)

func timeless(text string) string { return times.ReplaceAllString(text, "T") }

// render is the document. A time that was not measured is "?".
func render(cells []cell, results map[string]result) string {
	var b strings.Builder
	gap := ""
	if len(knownGaps) > 0 {
		gap = "| **gap** | the cell does not hold what is stated for it yet; see the end |\n"
	}
	fmt.Fprintf(&b, preface, deadline, gap)
	b.WriteString("| function |")
	for _, k := range kinds {
		fmt.Fprintf(&b, " %s |", k.kind)
	}
	b.WriteString(" longest recovery |\n|---|---|---|---|---|---|--:|\n")
	rest := cells
	for range functions {
		row := rest[:len(kinds)]
		rest = rest[len(kinds):]
		fmt.Fprintf(&b, "| %s |", row[0].subject)
		for _, c := range row {
			fmt.Fprintf(&b, " %s |", c.text())
		}
		fmt.Fprintf(&b, " %s |\n", longest(row, results))
	}
	b.WriteString("\n## The whole token\n\n| event | callers | outcome | recovery |\n|---|---|---|--:|\n")
	for _, c := range rest {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", c.subject, c.variant, c.text(), longest([]cell{c}, results))
	}
	fmt.Fprintf(&b, "\n%d cells. %s\n", len(cells), spread(results))
	b.WriteString(afterword)
	b.WriteString(gaps())
	return b.String()
}

const afterword = `
Requests that meet a recovery wait for it, for one call timeout at the most, so a reboot or a logout costs latency and no
answer. A key whose birth is cut short is refused, and what was made of it is destroyed.

Two tokens in one module: while one is taken away for two seconds, no request to the other fails, and the one comes back
by itself when it is put back. Calls that never return are bounded: at the limit requests fail at once and the server is
told, once, that only a new process helps.
`

func (c cell) text() string {
	if knownGaps[c.name()] != "" {
		return "**gap**"
	}
	return string(c.expect)
}

func longest(cells []cell, results map[string]result) string {
	most, measured := time.Duration(0), false
	for _, c := range cells {
		if r, ok := results[c.name()]; ok {
			most, measured = max(most, r.Back), true
		}
	}
	if !measured {
		return "?"
	}
	return seconds(most)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// spread says how long the recoveries took.
func spread(results map[string]result) string {
	var all []time.Duration
	for _, r := range results {
		all = append(all, r.Back)
	}
	slices.Sort(all)
	at := func(percent int) string {
		if len(all) == 0 {
			return "?"
		}
		return seconds(all[min(len(all)-1, len(all)*percent/100)])
	}
	return fmt.Sprintf("The recovery took %s in the middle, %s or less in nine of ten cells, and %s at the longest.", at(50), at(90), at(100))
}

func gaps() string {
	if len(knownGaps) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n## Known gaps\n\n")
	for _, name := range slices.Sorted(maps.Keys(knownGaps)) {
		fmt.Fprintf(&b, "- %s: %s\n", name, knownGaps[name])
	}
	return b.String()
}
