package policy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// meaning is the meaning of a pattern, spelled out.
func meaning(glob, text string) bool {
	_, first := utf8.DecodeRuneInString(text)
	switch {
	case glob == "":
		return text == ""
	case glob[0] == '*':
		return meaning(glob[1:], text) || text != "" && meaning(glob, text[first:])
	case text == "":
		return false
	case glob[0] == '?':
		return meaning(glob[1:], text[first:])
	default:
		return glob[0] == text[0] && meaning(glob[1:], text[1:])
	}
}

func TestPatternsAgreeWithTheirMeaning(t *testing.T) {
	// Every pattern of up to 5 and every text of up to 5 characters over a small alphabet.
	globs, texts := words("aé*?", 5), words("aé€", 5)
	for _, g := range globs {
		p := compile(wildcards(g))
		for _, text := range texts {
			if got := p.matches(text); got != meaning(g, text) {
				t.Fatalf("pattern %q on %q: %v", g, text, got)
			}
		}
	}
}

// words are all words of up to length letters.
func words(alphabet string, length int) []string {
	list := []string{""}
	for start := 0; length > 0; length-- {
		end := len(list)
		for _, w := range list[start:end] {
			for _, c := range alphabet {
				list = append(list, w+string(c))
			}
		}
		start = end
	}
	return list
}

func TestAMaliciousPatternCostsNoTime(t *testing.T) {
	// Trying every way to divide the text would take more steps than there is time.
	tests := []struct{ glob, text string }{
		{strings.Repeat("a*", 40) + "b", strings.Repeat("a", 2000)},
		{"*" + strings.Repeat("a", 16000) + "b*", strings.Repeat("a", 1<<20)},
		{"*" + strings.Repeat("a", maxSearched-2) + "?b*", strings.Repeat("a", 1<<16)},
		{strings.Repeat("*?", 8000) + "b", strings.Repeat("a", 1<<20)},
	}
	for _, tt := range tests {
		p := compile(wildcards(tt.glob))
		if p.tooCostly() || p.matches(tt.text) {
			t.Errorf("%.20s… is too costly, or matched", tt.glob)
		}
	}
}

// values answers condition keys by name and part.
type values map[ConditionKey]string

func (v values) Lookup(key ConditionKey) Values {
	text, ok := v[key]
	return Values{List: []string{text}, Present: ok}
}

func TestAVariableMakesNoPatternThatAPolicyMayNotHave(t *testing.T) {
	for effect, action := range map[string]string{"Allow": "kms:Encrypt", "Deny": "kms:Decrypt"} {
		p, err := Parse(KeyPolicy, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"},`+
			`{"Effect":"`+effect+`","Principal":"*","Action":"*","Resource":"*","Condition":{"StringLike":{"kms:EncryptionContext:text":"*?${kms:EncryptionContext:pattern}*"}}}]}`)
		if err != nil {
			t.Fatal(err)
		}
		for _, length := range []int{maxSearched - 1, maxSearched} {
			part := strings.Repeat("a", length)
			got := Decide(Question{Owner: "111122223333", ResourcePolicy: p, Request: Request{
				Principal: Principal{Account: "111122223333", ID: "AIDAALICE"}, Action: action,
				Context: values{{"kms:encryptioncontext", "pattern"}: part, {"kms:encryptioncontext", "text"}: "x" + part},
			}}).Allowed
			if want := effect == "Allow" && length < maxSearched; got != want {
				t.Errorf("%s of a pattern of %d: %v", effect, length+1, got)
			}
		}
	}
}

func TestPlacesOfCharactersAreFoundWhereverTheyStand(t *testing.T) {
	for _, length := range []int{2, 63, 64, 65, 128, 129, maxSearched - 1} {
		segment := "?" + strings.Repeat("a", length-2) + "b"
		glob := "*" + segment + "*ж?*"
		for _, before := range []string{"", "a", "é", "ж", "\xff", strings.Repeat("a", 300)} {
			text := before + "x" + strings.Repeat("a", length-2) + "b"
			if p := compile(wildcards(glob)); p.matches(text) || !p.matches(text+"жж") || p.matches(text+"ж") {
				t.Errorf("a segment of %d is found wrongly behind %.10q", length, before)
			}
		}
		if compile(wildcards("*" + segment + "*")).matches(segment[1:]) {
			t.Errorf("a segment of %d is found in one character less", length)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("kms:*", "kms:Encrypt")
	f.Add("a*?b**", "aaabbb")
	f.Add("*?é*", "\xe2\xc3\xa9")
	f.Fuzz(func(t *testing.T, glob, text string) {
		// The meaning takes time exponential in the number of stars.
		if !utf8.ValidString(glob) || len(glob) > 20 || len(text) > 20 || strings.Count(glob, "*") > 4 {
			return
		}
		if got := compile(wildcards(glob)).matches(text); got != meaning(glob, text) {
			t.Errorf("pattern %q on %q: %v", glob, text, got)
		}
	})
}
