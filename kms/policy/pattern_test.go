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
