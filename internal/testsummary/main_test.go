package main

import (
	"bytes"
	"strings"
	"testing"
)

const events = `go: downloading nothing
{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Test":"TestOne","Output":"said by one\n"}
{"Action":"pass","Package":"a","Test":"TestOne"}
{"Action":"output","Package":"a","Test":"TestTwo","Output":"said by two\n"}
{"Action":"fail","Package":"a","Test":"TestTwo"}
{"Action":"skip","Package":"a","Test":"TestThree"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
{"Action":"build-output","ImportPath":"b","Output":"b.go:1: no\n"}
{"Action":"fail","Package":"b","FailedBuild":"b"}
{"Action":"output","Package":"c","Output":"PASS\n"}
{"Action":"output","Package":"c","Output":"ok  \tc\t0.1s\n"}
{"Action":"pass","Package":"c"}
{"Action":"skip","Package":"d"}
`

func TestASummaryCountsTestsAndShowsWhatFailed(t *testing.T) {
	var out bytes.Buffer
	s := newSummary()
	s.out = &out
	if err := s.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if s.passed != 1 || s.failed != 2 || len(s.skipped) != 1 || s.skipped[0] != "a TestThree" {
		t.Errorf("got %d passed, %d failed, skipped %q; want 1, 2 and a TestThree", s.passed, s.failed, s.skipped)
	}
	want := "go: downloading nothing\nsaid by two\nFAIL\ta\t0.1s\nb.go:1: no\nok  \tc\t0.1s\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}
