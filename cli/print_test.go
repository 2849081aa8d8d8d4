package cli

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Descriptions are anybody's text, and a terminal obeys what encoding/json writes as it is.
func TestADocumentCannotDoThingsToATerminal(t *testing.T) {
	const text = "plain é 鍵 \x1b[2J \u009b2J \u202eabc \u2066x \x7f \U000e0001 \ufeff end"
	var out bytes.Buffer
	p := &program{out: &out}
	if err := p.printJSON(map[string]string{"Description": text}); err != nil {
		t.Fatal(err)
	}
	const want = `{"Description":"plain é 鍵 \u001b[2J \u009b2J \u202eabc \u2066x \u007f \udb40\udc01 \ufeff end"}` + "\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || back["Description"] != text {
		t.Errorf("read back %q, %v", back["Description"], err)
	}
}
