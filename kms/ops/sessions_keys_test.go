package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
)

// sessionKeys are the rows of the keys of session tokens.
func (b *bench) sessionKeys() []kms.SessionKeyRow {
	b.t.Helper()
	rows, err := b.store.SessionKeys(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return rows
}

func TestATokenThatIsNotAsItWasMadeMakesOneNobody(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	c, other := b.mustAssume(b.root(), role.Arn, "night"), b.mustAssume(b.root(), role.Arn, "night")
	token := string(c.SessionToken)
	garbled := map[string]string{
		"another session's": string(other.SessionToken), "none": "", "cut short": token[:len(token)-1], "cut in half": token[:len(token)/2], "longer": token + "AAAA",
		"twice": token + token, "padded": token + "=", "with a line end": token[:20] + "\n" + token[20:], "with a blank": " " + token, "huge": strings.Repeat("A", 1<<20),
		"in another alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(token) + "+",
	}
	for i := range token {
		flipped := []byte(token)
		flipped[i] = map[bool]byte{true: 'B', false: 'A'}[flipped[i] == 'A']
		garbled[fmt.Sprintf("with character %d changed", i)] = string(flipped)
	}
	for story, garbage := range garbled {
		if _, err := b.authenticate(c.AccessKeyID, c.SecretAccessKey, api.SecretText(garbage)); err == nil {
			t.Errorf("a token %s is accepted", story)
		} else {
			refused(t, err, api.UnrecognizedClientException, notRecognised)
		}
	}
	b.mustEnter(c)
	elsewhere := newBench(t)
	elsewhere.role("reader", "")
	_, err := elsewhere.enter(c)
	refused(t, err, api.UnrecognizedClientException, notRecognised)
}

func TestTheKeyOfTokensIsReplacedEveryDayAndKeptUntilItsLastTokenIsOver(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	must[any](b, "UpdatePrincipal", &api.UpdatePrincipalInput{Principal: &role.Arn, MaxSessionDuration: new(int32(43200))})
	begin := func() api.SessionCredentials {
		return must[*api.AssumeRoleOutput](b, "AssumeRole", &api.AssumeRoleInput{RoleArn: &role.Arn, RoleSessionName: new("night"), DurationSeconds: new(int32(43200))}).Credentials
	}
	first := begin()
	firstKey := b.sessionKeys()[0]
	b.clock.Advance(24*time.Hour - time.Microsecond)
	_, err := b.enter(first)
	refused(t, err, api.ExpiredTokenException)
	last := begin() // of the first day
	if n := len(b.sessionKeys()); n != 1 {
		t.Fatalf("on the first day there are %d keys", n)
	}
	b.reopen()
	b.clock.Advance(time.Microsecond)
	next := begin() // of the second
	if n := len(b.sessionKeys()); n != 2 {
		t.Fatalf("on the second day there are %d keys", n)
	}
	b.clock.Advance(12*time.Hour - 2*time.Microsecond)
	b.mustEnter(last)
	b.reopen()
	b.mustEnter(last)
	b.mustEnter(next)
	b.clock.Advance(12*time.Hour + 2*time.Microsecond)
	begin() // of the third
	rows := b.sessionKeys()
	if len(rows) != 2 || rows[0].ID == firstKey.ID || rows[1].ID == firstKey.ID {
		t.Errorf("on the third day there are the keys %v, and the first was %s", rows, firstKey.ID)
	}
	_, err = b.enter(first) // which nothing opens any more
	refused(t, err, api.UnrecognizedClientException, notRecognised)
	record := b.lastRecord("RotateSessionKey")
	details, _ := record["serviceEventDetails"].(map[string]any)
	if record["eventType"] != "AwsServiceEvent" || details["sessionKeyId"] != rows[0].ID || fmt.Sprint(details["droppedSessionKeyIds"]) != "["+firstKey.ID+"]" {
		t.Errorf("the last replacement is recorded as %v", record)
	}

	// A clock that is set back makes a key of its own day, and loses none.
	now := begin()
	b.clock.Advance(-48 * time.Hour)
	begin()
	b.clock.Advance(48 * time.Hour)
	b.mustEnter(now)
}

func TestTokensShareAKeyThatIsMadeOnce(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			c, err := b.assume(b.root(), role.Arn, fmt.Sprintf("shift-%d", i))
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := b.enter(c.Credentials); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	b.reopen()
	b.mustAssume(b.root(), role.Arn, "after")
	if n := len(b.sessionKeys()); n != 1 {
		t.Errorf("there are %d keys", n)
	}
}

func TestAKeyOfTokensThatWasChangedOutsideKeyholdOpensNothing(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	c := b.mustAssume(b.root(), role.Arn, "night")
	row := b.sessionKeys()[0]
	forged := row
	forged.Rev++
	forged.CreatedAt++ // as one would who wants it to be used for longer
	if err := b.store.Apply(t.Context(), kms.Change{SessionKeys: []kms.SessionKeyRow{forged}}); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	_, err := b.enter(c)
	refused(t, err, api.UnrecognizedClientException, notRecognised)
	b.mustEnter(b.mustAssume(b.root(), role.Arn, "night")) // under a new one
	if bad := b.faults(); !slices.Equal(bad, []string{"session key " + row.ID}) {
		t.Errorf("the inspection finds fault with %q", bad)
	}
}

func TestWithoutTheTokenNoSessionBeginsAndWhatHasBegunGoesOn(t *testing.T) {
	b := newBench(t)
	role := b.role("reader", "")
	c := b.mustAssume(b.root(), role.Arn, "night")
	b.mustEnter(c)
	b.device.SetDown(true)
	b.mustEnter(c)
	_, err := b.assume(b.root(), role.Arn, "night")
	refused(t, err, "KeyUnavailableException")
	b.device.SetDown(false)
	b.reopen()
	b.device.SetDown(true)
	_, err = b.enter(c) // the key of tokens is not open yet
	refused(t, err, "KeyUnavailableException")
	b.device.SetDown(false)
	b.mustEnter(c)
}
