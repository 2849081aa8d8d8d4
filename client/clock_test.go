package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/client"
	"github.com/keyhold/keyhold/kms/api"
)

func TestAClockThatIsWrongIsCorrectedByTheServers(t *testing.T) {
	b := newBench(t)
	for name, off := range map[string]time.Duration{"slow": -7 * time.Hour, "fast": 20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			c := b.newClient(func(c *client.Config) {
				c.Now = func() time.Time { return b.clock.Now().Add(off) }
				c.Retry.Attempts = 1
			})
			for range 2 {
				if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestTheClockIsCorrectedOnceForACallAndKeptForTheNext(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	expired := says(400, `{"__type":"InvalidSignatureException","message":"Signature expired"}`, "Date", now.Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	a := &answers{list: []responder{expired, fine, fine}}
	slow := func(c *client.Config) { c.Now = func() time.Time { return now.Add(-time.Hour) } }
	c := fake(t, a, slow)
	for range 2 {
		if _, err := c.ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
			t.Fatal(err)
		}
	}
	var dates []string
	for _, r := range a.seen {
		dates = append(dates, r.Header.Get("X-Amz-Date"))
	}
	if got := strings.Join(dates, " "); got != "20260102T020405Z 20260102T030405Z 20260102T030405Z" {
		t.Errorf("signed at %s", got)
	}
	twice := &answers{list: []responder{expired, throttled, fine}}
	if _, err := fake(t, twice, slow, func(c *client.Config) { c.Retry.Attempts = 2 }).ListKeys(t.Context(), &api.ListKeysInput{}); err != nil {
		t.Errorf("the correction counts as an attempt: %v", err)
	}
	wandering := &answers{list: []responder{expired, says(400, `{"__type":"InvalidSignatureException"}`, "Date", now.Add(time.Hour).Format("Mon, 02 Jan 2006 15:04:05 GMT"))}}
	if _, err := fake(t, wandering, slow).ListKeys(t.Context(), &api.ListKeysInput{}); err == nil || len(wandering.seen) != 2 {
		t.Errorf("a clock that wanders: %v after %d attempts", err, len(wandering.seen))
	}
}

func TestWhatIsNoMatterOfTheClockIsNotCorrected(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(t time.Time) string { return t.Format("Mon, 02 Jan 2006 15:04:05 GMT") }
	const wrong = `{"__type":"InvalidSignatureException","message":"Signature expired"}`
	for name, c := range map[string]struct {
		answer responder
		want   string
	}{
		"a wrong secret":                {says(400, wrong, "Date", at(now.Add(20*time.Second))), "InvalidSignatureException"},
		"no date":                       {says(400, wrong), "InvalidSignatureException"},
		"a date that is none":           {says(400, wrong, "Date", "yesterday"), "InvalidSignatureException"},
		"another error":                 {says(400, `{"__type":"AccessDeniedException"}`, "Date", at(now.Add(time.Hour))), "AccessDeniedException"},
		"a date that is years away":     {says(400, wrong, "Date", at(now.AddDate(3, 0, 0))), "clock and the server's are 26304h0m0s apart: set them"},
		"a date at the end of all time": {says(400, wrong, "Date", "Fri, 31 Dec 9999 23:59:59 GMT"), "apart: set them"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{list: []responder{c.answer}}
			_, err := fake(t, a, func(c *client.Config) { c.Now = func() time.Time { return now } }).ListKeys(t.Context(), &api.ListKeysInput{})
			var e *client.Error
			if !errors.As(err, &e) || e.Attempts != 1 || len(a.seen) != 1 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v after %d attempts", err, len(a.seen))
			}
		})
	}
}
