package clients

import (
	"os"
	"os/exec"
	"testing"
)

// The AWS SDK for JavaScript has tests of its own in js, which node runs against the same server.
func TestTheSDKForJavaScript(t *testing.T) {
	cmd := exec.Command("node", "--test", "kms.test.js")
	cmd.Dir = "js"
	role := newBench(t).role(allow("*", "kms:Encrypt", "kms:GetKeyPolicy"))
	cmd.Env = append(os.Environ(), "TEST_ROLE="+*role)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: make clients installs what js/package.json names\n%s", err, out)
	}
	t.Logf("%s", out)
}
