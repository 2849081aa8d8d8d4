package kms

import (
	"bytes"
	"encoding/base64"
	"reflect"
	"strings"
	"testing"

	"github.com/keyhold/keyhold/internal/secret"
)

// testSessionKey is a session key that only tests have.
func testSessionKey(t testing.TB, fill byte) *sessionKey {
	t.Helper()
	id := keyIDOf(uuid4([16]byte(bytes.Repeat([]byte{fill}, 16))))
	key, err := newSessionKey(SessionKeyRow{ID: string(id)}, secret.New(bytes.Repeat([]byte{fill}, sessionKeyOctets)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testClaims() sessionClaims {
	return sessionClaims{
		AccessKeyID: "ASIA2222222222222222", Secret: secret.New([]byte("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")), Role: "AROA22222222222222222",
		Account: "111122223333", Name: "night", IssuedAt: 1767323045000001, ExpiresAt: 1767326645000001,
	}
}

func TestASessionTokenSaysWhatItWasMadeOf(t *testing.T) {
	key, want := testSessionKey(t, 1), testClaims()
	text := key.seal(want)
	token, err := parseSessionToken(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := key.open(token)
	if err != nil || !got.Secret.Equal(want.Secret) {
		t.Fatalf("got %+v, %v", got, err)
	}
	got.Secret, want.Secret = secret.Bytes{}, secret.Bytes{}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if strings.Contains(text, base64.RawURLEncoding.EncodeToString([]byte("night"))) {
		t.Error("a claim stands in clear")
	}
	if _, err := testSessionKey(t, 2).open(token); err == nil {
		t.Error("another key opens it")
	}
	if again := key.seal(want); again[:32] == text[:32] {
		t.Error("two tokens begin with one nonce") // 32 characters are 24 octets, of which 7 are the nonce's
	}
	renamed := token
	renamed.key = testSessionKey(t, 2).id
	if _, err := key.open(renamed); err == nil {
		t.Error("it opens under another key's name")
	}
}

func TestTheLongestSessionTokenIsWithinBounds(t *testing.T) {
	c := testClaims()
	c.Name = strings.Repeat("n", 64)
	if n := len(testSessionKey(t, 1).seal(c)); n > maxSessionToken/2 {
		t.Errorf("it has %d characters", n)
	}
}

func TestASessionKeyOfAnotherLengthIsRefused(t *testing.T) {
	for _, row := range []SessionKeyRow{{ID: "no uuid"}, {ID: "1234abcd-12ab-44cd-a6ef-1234567890ab"}} {
		if _, err := newSessionKey(row, secret.New(make([]byte, 16))); err == nil {
			t.Errorf("a key of 16 octets named %q is taken", row.ID)
		}
	}
}

// genuineToken is testClaims sealed by testSessionKey 1, once and for all.
const genuineToken = "AQEBAQEBAUEBgQEBAQEBAQFur-yUdDb4fhVpwcZst918NPoe77gQ0p6Abp-CtD4kdrJXF0mUuNvM_ancGSQoaryylMAaEUW1yCwQH3H0pTUHfAOmRLzPEB_RARxUp_tmVJirjiBTztYk3i539e0-0O1s6qRkjaNwkdliDJK_f5ZxFn9pVdhWVABOSn8VeK1u76Z1m4OeYaJgOGFqEXXAEnW-5U_shpC-elOiizuDXBzjhSMrOBx6wYH6LQ"

func TestATokenThatWasSealedOnceOpensForever(t *testing.T) {
	token, err := parseSessionToken(genuineToken)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := testSessionKey(t, 1).open(token)
	if err != nil || !bytes.Equal(claims.encode(), testClaims().encode()) {
		t.Errorf("opens to %+v, %v", claims, err)
	}
}

// FuzzSessionToken: what parses encodes to the same text, what opens has the only claims that were ever sealed, and claims
// that decode encode to the same octets.
func FuzzSessionToken(f *testing.F) {
	key, genuine := testSessionKey(f, 1), genuineToken
	claims, sealed := testClaims().encode(), testClaims().encode()
	for _, seed := range []string{genuine, genuine[1:], genuine + "A", "", "A", base64.RawURLEncoding.EncodeToString(make([]byte, 45))} {
		f.Add(seed, claims)
	}
	f.Add(genuine, claims[:len(claims)-1])
	f.Add(genuine, append(bytes.Clone(claims), 0))
	f.Fuzz(func(t *testing.T, text string, octets []byte) {
		if token, err := parseSessionToken(text); err == nil {
			if token.encode() != text {
				t.Errorf("%q parses and encodes to %q", text, token.encode())
			}
			if opened, err := key.open(token); err == nil && !bytes.Equal(opened.encode(), sealed) {
				t.Errorf("%q opens to %+v, which was never sealed", text, opened)
			}
		}
		if c, err := decodeClaims(octets); err == nil && !bytes.Equal(c.encode(), octets) {
			t.Errorf("%x decodes and encodes to %x", octets, c.encode())
		}
	})
}
