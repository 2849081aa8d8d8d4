package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// A list that leads back to where it was, or says that it goes on and not where, must not keep a command for ever, and what
// came until then must not pass for the whole list.
func TestAListWithoutAnEndIsGivenUp(t *testing.T) {
	signer(t)
	t.Setenv("KEYHOLD_CA_FILE", "")
	var asked atomic.Int32
	circle := listening(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Marker string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		asked.Add(1)
		next := map[string]string{"": "a", "a": "b", "b": "c", "c": "a"}[in.Marker]
		_, _ = fmt.Fprintf(w, `{"Truncated":true,"NextMarker":%q}`, next)
	}, nil)
	nowhere := listening(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"Truncated":true}`)) }, nil)
	const key = "1234abcd-0000-4000-8000-000000000001"
	for _, command := range []string{
		"key list --all", "key rotations --all " + key, "key tags --all " + key, "key list", "key delete " + key, "alias list --all", "grant list --all " + key,
		"grant list --all --retiring arn:aws:iam::111122223333:user/u", "account list --all", "account delete 111122223333",
		"principal list --all", "principal policy list --all user/u", "principal describe user/u", "access-key list", "policy who-can Decrypt " + key,
	} {
		asked.Store(0)
		for url, want := range map[string]string{circle.URL: "has no end: it leads back to an earlier page", nowhere.URL: "goes on, and not where"} {
			code, talk := typeIt("--endpoint " + url + " " + command)
			if code != exitError || !strings.Contains(talk, want) {
				t.Errorf("%s: code %d, said %s", command, code, talk)
			}
		}
		if n := asked.Load(); n < 4 || n > 6 { // and what comes before the list
			t.Errorf("%s: asked %d times", command, n)
		}
	}
}
