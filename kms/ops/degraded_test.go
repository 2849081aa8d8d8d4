package ops_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/device"
	"github.com/keyhold/keyhold/kms/kmstest"
	"github.com/keyhold/keyhold/kms/ops"
)

const degradedHeader = `# What works without the token

What every operation answers while the token cannot be used. "Known" is a key, user or role that was used since Keyhold
started: its rows have been checked and are in memory. The file is written by ` + "`go test ./kms/ops -update`" + `, which asks.

| Operation | known | not known |
|---|---|---|
`

const degradedFooter = `
` + "`KeyUnavailableException`" + ` has status 500: AWS SDKs repeat the request with back-off, and the same request succeeds when the
token is back. ` + "`ThrottlingException`" + ` (400) is the answer when the token lives and no session became free in time; it is
repeated too. Nothing that was refused has left a trace, but for its audit record: the log needs no token.

Changes need the token although they change only rows: a row that is not authenticated is not believed.
`

// outage answers what an operation says while the token is down, for a key that is in memory or is not.
func outage(t *testing.T, b *bench, name string, known bool) string {
	t.Helper()
	s := b.newSubject(name)
	if name == "CancelKeyDeletion" {
		must[any](b, "ScheduleKeyDeletion", &api.ScheduleKeyDeletionInput{KeyID: &s.key})
	}
	if name == "UpdateAlias" {
		s.key = s.other
	}
	if known {
		for _, ref := range []string{s.key, s.other, s.alias} {
			must[*api.DescribeKeyOutput](b, "DescribeKey", &api.DescribeKeyInput{KeyID: &ref})
		}
		for _, ref := range []string{s.principal, s.role} {
			b.person(ref)
		}
	} else {
		b.reopen()
	}
	before := b.rows()
	b.device.SetDown(true)
	records := len(b.log.all())
	_, err := try[any](b, name, sample(t, name, s))
	if n := len(b.log.all()) - records; n != 1 {
		t.Errorf("%s left %d audit records", name, n)
	}
	b.device.SetDown(false)
	if err == nil {
		return "works"
	}
	var e *api.Error
	if !errors.As(err, &e) || !e.Retryable() {
		t.Errorf("%s: %v, which no client repeats", name, err)
		return fmt.Sprint(err)
	}
	if after := b.rows(); after != before {
		t.Errorf("%s was refused and changed the rows", name)
	}
	if _, err := try[any](b, name, sample(t, name, s)); err != nil {
		t.Errorf("%s does not work when the token is back: %v", name, err)
	}
	return "`" + e.Name + "`"
}

func TestTheDocumentOfWhatWorksWithoutTheTokenIsCurrent(t *testing.T) {
	var out strings.Builder
	out.WriteString(degradedHeader)
	warm, cold := newBench(t), newBench(t)
	for _, row := range ops.Table() {
		name := row.Describe().Name
		known, unknown := outage(t, warm, name, true), outage(t, cold, name, false)
		fmt.Fprintf(&out, "| %s | %s | %s |\n", name, known, unknown)
		if row.Describe().Effect != kms.Read && known == "works" {
			t.Errorf("%s works without the token", name)
		}
	}
	out.WriteString(degradedFooter)
	golden(t, "../../docs/degraded.md", out.String())
}

func TestNoSessionInTimeIsThrottling(t *testing.T) {
	b := newBench(t)
	key := b.newKey()
	b.device.FailNext(kmstest.MethodEncrypt, 1, device.ErrBusy)
	_, err := b.service.Do(t.Context(), kms.Request{Operation: "Encrypt", Caller: b.root(), Input: &api.EncryptInput{KeyID: &key, Plaintext: []byte("x")}})
	refused(t, err, api.ThrottlingException)
}
