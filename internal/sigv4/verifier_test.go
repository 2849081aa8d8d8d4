package sigv4_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/internal/sigv4"
)

func TestAVerifierIsNotMadeOfNonsense(t *testing.T) {
	for name, c := range map[string]sigv4.Config{
		"no service":            {Regions: kms.Regions},
		"no region":             {Service: "kms"},
		"an empty region":       {Service: "kms", Regions: []string{""}},
		"more than 15 minutes":  {Service: "kms", Regions: kms.Regions, Skew: 16 * time.Minute},
		"no minute":             {Service: "kms", Regions: kms.Regions, Skew: 59 * time.Second},
		"a fraction of minutes": {Service: "kms", Regions: kms.Regions, Skew: 90 * time.Second},
		"a negative skew":       {Service: "kms", Regions: kms.Regions, Skew: -time.Minute},
	} {
		if v, err := sigv4.NewVerifier(c); err == nil || v != nil {
			t.Errorf("%s: got %v, %v", name, v, err)
		}
	}
}

func TestTheSkewIsConfigured(t *testing.T) {
	c := kms
	c.Skew = 15 * time.Minute
	v := verifier(t, c)
	if _, err := v.Parse(signed(t, signer, noon), noon.Add(15*time.Minute)); err != nil {
		t.Error(err)
	}
	_, err := v.Parse(signed(t, signer, noon), noon.Add(15*time.Minute+time.Second))
	checkRefusal(t, err, invalid, "Signature expired: 20260203T120000Z is now earlier than 20260203T120001Z (20260203T121501Z - 15 min.)")
}

func TestAVerifierKeepsItsRegions(t *testing.T) {
	regions := []string{"eu-central-1"}
	v := verifier(t, sigv4.Config{Service: "kms", Regions: regions})
	regions[0] = "eu-west-1"
	if _, err := v.Parse(signed(t, signer, noon), noon); err != nil {
		t.Error(err)
	}
}

// The two requests of 2011 that are signed with Date and escaped are published, so nothing here signs them.
func TestTheDateHeaderCounts(t *testing.T) {
	var vectors []vector
	readJSON(t, "suite.json", &vectors)
	v := verifier(t, sigv4.Config{Service: "host", Regions: []string{"us-east-1"}})
	now := time.Date(2011, 9, 9, 23, 36, 0, 0, time.UTC)
	checked := 0
	for _, c := range vectors {
		if !strings.HasPrefix(c.Name, "2011 suite") {
			continue
		}
		checked++
		r := c.request()
		auth := sigv4.Authorization{AccessKeyID: exampleID, Scope: sigv4.NewScope(now, "us-east-1", "host"), SignedHeaders: []string{"date", "host"}, Signature: c.Signature}
		r.Header.Set("Authorization", auth.String())
		request, err := v.Parse(r, now)
		if err == nil {
			err = request.Verify(sigv4.SigningKey([]byte(exampleSecret), request.Scope()), nil)
		}
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		r.Header.Set("Date", "yesterday")
		_, err = v.Parse(r, now)
		checkRefusal(t, err, incomplete, "Date must be in ISO-8601 'basic format'.")
	}
	if checked != 3 {
		t.Errorf("%d requests checked", checked)
	}
}

func TestAuthenticationInTheQueryIsNone(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "https://kms.example.com/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier(t, kms).Parse(r, noon)
	checkRefusal(t, err, missing, "Request is missing Authentication Token")
}

func TestAQueryIsSignedByItsMeaning(t *testing.T) {
	r := unsigned(t)
	r.URL.RawQuery = "b=x+y&a=1"
	r, err := signer.Sign(r, nil, noon)
	if err != nil {
		t.Fatal(err)
	}
	for query, same := range map[string]bool{"b=x+y&a=1": true, "a=1&b=x%20y": true, "a=%31&&b=x%20%79": true, "b=x%2By&a=1": false, "b=x+y": false, "b=x+y&a=1&a=": false} {
		r.URL.RawQuery = query
		if err := verify(r, nil, noon); (err == nil) != same {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestARequestKeepsWhatWasSigned(t *testing.T) {
	r := signed(t, signer, noon)
	request, err := verifier(t, kms).Parse(r, noon)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "TrentService.Encrypt")
	r.Method, r.Host, r.URL = "GET", "elsewhere", nil
	key := sigv4.SigningKey([]byte(exampleSecret), request.Scope())
	if err := request.Verify(key, []byte(signedBody)); err != nil {
		t.Error(err)
	}
	checkRefusal(t, sigv4.Request{}.Verify(key, nil), invalid, mismatch)
}

func BenchmarkVerify(b *testing.B) {
	v, keys, raw := verifier(b, kms), sigv4.NewKeys(0), signed(b, signer, noon)
	body := []byte(signedBody)
	check := func(b *testing.B, key func(sigv4.Request) sigv4.Key) {
		b.ReportAllocs()
		for b.Loop() {
			request, err := v.Parse(raw, noon)
			if err != nil {
				b.Fatal(err)
			}
			if err := request.Verify(key(request), body); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("cached key", func(b *testing.B) {
		check(b, func(r sigv4.Request) sigv4.Key { return mustCached(b, keys, r) })
	})
	b.Run("derived key", func(b *testing.B) {
		check(b, func(r sigv4.Request) sigv4.Key { return sigv4.SigningKey([]byte(exampleSecret), r.Scope()) })
	})
}

func mustCached(b *testing.B, keys *sigv4.Keys, r sigv4.Request) sigv4.Key {
	k, err := keys.Key(r, "1", new(vault).secret)
	if err != nil {
		b.Fatal(err)
	}
	return k
}

func BenchmarkSign(b *testing.B) {
	r, body := unsigned(b), []byte(signedBody)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := signer.Sign(r, body, noon); err != nil {
			b.Fatal(err)
		}
	}
}
