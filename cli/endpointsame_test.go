package cli

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// served is a throw-away directory that this process serves.
type served struct {
	place
	url  string
	end  func() // of the server
	talk *talk
}

// talk is what a server says.
type talk struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *talk) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *talk) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

var exportLine = regexp.MustCompile(`(?m)^export (\w+)=(.*)$`)

// serve serves the directory of a place, and puts the administrator's access key into the environment.
func serve(t *testing.T, p place) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	s := &served{place: p, talk: &talk{}}
	server := &program{in: strings.NewReader(""), out: s.talk, err: s.talk, now: time.Now}
	go func() {
		ended <- server.run(ctx, []string{"keyhold", "--data", p.data, "dev", "--listen", "127.0.0.1:0"})
	}()
	s.end = sync.OnceFunc(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("the server ended with %d: %s", code, s.talk)
		}
	})
	t.Cleanup(s.end)
	for end := time.Now().Add(time.Minute); !strings.Contains(s.talk.String(), "key list\n"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not serve: %s", s.talk)
		}
	}
	text, err := os.ReadFile(filepath.Join(p.data, devEnv))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_PROFILE", "")
	t.Setenv("AWS_SESSION_TOKEN", "")
	for _, v := range exportLine.FindAllStringSubmatch(string(text), -1) {
		if value := strings.Trim(v[2], "'"); v[1] == endpointVariable {
			s.url = value
		} else {
			t.Setenv(v[1], value)
		}
	}
	return s
}

// What differs from one time to the next, and between the owner of the directory and its administrator.
var varying = []struct {
	what *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`arn:aws:iam::111122223333:(root|user/dev)\b`), "WHO"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{40,}={0,2}`), "OCTETS"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT[0-9:.]+Z`), "WHEN"},
	{regexp.MustCompile(`(?s)(keyhold) --(data|endpoint) \S+`), "$1"},
}

func alike(text string) string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.is)
	}
	return text
}

// The commands are typed three times: at a directory that a server has, at the server as from elsewhere, and at the
// directory alone. What they print, say and exit with is the same.
func TestTheSameCommandsAnswerTheSameEverywhere(t *testing.T) {
	p := newPlace(t)
	p.try(exitOK, "ready", "dev")
	key, other := p.key("--alias", "orders", "--tag", "team=shop"), p.key("--description", "again")
	files := map[string]string{
		"use.json":   `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}}`,
		"trust.json": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`,
		"wide.json":  `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"arn:aws:kms:us-east-1:999988887777:key/*"}]}`,
		"bad.json":   `{"Version":"2012-10-17","Statement":{"Effect":"Maybe"}}`,
		"plain":      "attack at dawn", "large": strings.Repeat("x", 5000),
	}
	for name, text := range files {
		if err := os.WriteFile(p.file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.try(exitOK, "", "principal", "create", "user", "shop", "--policy-file", "use="+p.file("use.json"))
	p.try(exitOK, "", "principal", "create", "role", "batch", "--trust", p.file("trust.json"))
	p.do("grant", "create", key, "--grantee", "user/shop", "--operation", "Decrypt", "--name", "night")
	p.do("encrypt", "alias/orders", p.file("plain"), "--context", "app=shop", "--out", p.file("sealed"))

	s := serve(t, p)
	commands := strings.NewReplacer("KEY", key, "OTHER", other, "DIR/", p.file("")+"/").Replace(sameCommands)
	answers := map[string][]string{}
	for _, mode := range []struct {
		name  string
		words []string
	}{{"through the socket", []string{"--data", p.data}}, {"through the endpoint", []string{"--endpoint", s.url}}, {"alone", []string{"--data", p.data}}} {
		if mode.name == "alone" {
			s.end()
		}
		for command := range strings.Lines(strings.TrimSpace(commands)) {
			command = strings.TrimSpace(command)
			code, out, said := run(t, "attack at dawn", append(mode.words, strings.Fields(command)...)...)
			answers[command] = append(answers[command], alike(strings.Join([]string{command, "exits with " + string(rune('0'+code)), out, said}, "\n")))
			if got := answers[command]; got[len(got)-1] != got[0] {
				t.Errorf("%s:\n%s\nbut through the socket:\n%s", mode.name, got[len(got)-1], got[0])
			}
		}
	}
}

const sameCommands = `
key list --long --all
key list --limit 1
key list -o json
key list --marker nonsense
key describe alias/orders
key describe KEY -o json
key describe alias/none
key describe
key tags KEY
key tag KEY aws:x=y
key tag KEY team=shop
key disable KEY
encrypt alias/orders --base64
key enable KEY -o json
key delete KEY
key create --alias orders
key rotations KEY
key update OTHER --description again
alias list --all -o json
alias delete none --yes
policy get KEY
policy put OTHER DIR/wide.json
policy put OTHER DIR/bad.json
policy explain --principal user/shop --action Decrypt --key alias/orders
policy who-can Decrypt KEY
grant list KEY
grant revoke KEY 0123456789012345678901234567890123456789012345678901234567890123
account list
account disable 999988887777
account disable 111122223333
principal list -o json
principal describe role/batch
principal describe user/nobody
principal policy get user/shop use
principal policy delete user/shop use
access-key list shop
access-key session --role role/nobody
data-key alias/orders -o json
encrypt alias/orders DIR/large
encrypt alias/orders DIR/plain --dry-run
encrypt alias/orders DIR/nowhere
decrypt DIR/sealed
decrypt DIR/sealed --context app=shop
decrypt DIR/sealed --context app=shop -o json
reencrypt DIR/sealed --context app=shop --to alias/none
random 32 --base64
random 4000
call --list
call ListAliases {"KeyId":"KEY"}
call ListAliases {"Colour":"red"}
call ListAliasses
call DescribeKey {"KeyId":7}
call GetKeyPolicy {"KeyId":"KEY","PolicyName":"other"}
`
