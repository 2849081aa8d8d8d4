package integration

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/keyhold/keyhold/cli"
	"github.com/keyhold/keyhold/hsm"
	"github.com/keyhold/keyhold/hsm/hsmtest"
	"github.com/keyhold/keyhold/internal/secret"
	"github.com/keyhold/keyhold/kms"
	"github.com/keyhold/keyhold/kms/api"
	"github.com/keyhold/keyhold/kms/audit"
	"github.com/keyhold/keyhold/kms/ops"
	"github.com/keyhold/keyhold/kms/store/sqlite"
	"github.com/keyhold/keyhold/softhsm"
)

// site is a whole Keyhold on a SoftHSM token: where its parts are. A child process gets it as JSON.
type site struct {
	Data, Module, Label string
	Env                 map[string]string

	preload bool // list all objects at login, as a server does
}

const sitePIN = "crash-test-pin"

var update = flag.Bool("update", false, "rewrite expected output")

// siteVariable tells a process of the test binary that it is to create keys until it is killed.
const siteVariable = "KEYHOLD_TEST_CREATE_KEYS"

func TestMain(m *testing.M) {
	if text := os.Getenv(siteVariable); text != "" {
		if err := createKeysForEver(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	if os.Getenv(asKeyhold) != "" {
		os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, commands())
}

func newSite(t testing.TB) site {
	t.Helper()
	dir, err := os.MkdirTemp(softhsm.FastDir(), "keyhold-crash-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	home, err := softhsm.Prepare(filepath.Join(dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	s := site{Data: filepath.Join(dir, "data"), Module: home.Module, Label: "crash", Env: home.Env()}
	err = hsm.InitToken(t.Context(), hsm.NewToken{Module: s.Module, Env: s.Env, Label: s.Label,
		SOPIN: secret.New([]byte(sitePIN)), PIN: secret.New([]byte(sitePIN))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// with opens everything, runs f and closes it cleanly.
func (s site) with(ctx context.Context, f func(*kms.Service, *hsm.Token) error) (err error) {
	store, err := sqlite.Create(ctx, sqlite.Config{Dir: s.Data})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	token, err := hsm.Open(ctx, hsm.Config{Module: s.Module, Env: s.Env, Label: s.Label, PIN: hsmtest.PINSource(sitePIN), Preload: s.preload})
	if err != nil {
		return err
	}
	defer func() { _ = token.Close() }()
	config := kms.Config{Store: store, Device: token, Table: ops.Table(), Sweep: s.preload}
	if meta, err := store.Meta(ctx); err != nil || !meta.Ready {
		if err := kms.Initialise(ctx, config, kms.Identity{Account: "111122223333", Region: "us-east-1"}); err != nil {
			return err
		}
	}
	log, err := audit.Open(ctx, audit.Config{Dir: filepath.Join(s.Data, "audit")})
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	config.Log = log
	service, err := kms.New(ctx, config)
	if err != nil {
		return err
	}
	defer service.Close(ctx)
	return f(service, token)
}

// createKeysForEver creates and rotates keys, and says on standard output what was acknowledged.
func createKeysForEver(text string) error {
	var s site
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx := context.Background()
	return s.with(ctx, func(service *kms.Service, _ *hsm.Token) error {
		fmt.Println("ready")
		for {
			out, err := service.Do(ctx, kms.Request{Operation: "CreateKey", Caller: service.Root("local", "test"), Input: &api.CreateKeyInput{}})
			if err != nil {
				return err
			}
			created, ok := out.(*api.CreateKeyOutput)
			if !ok {
				return fmt.Errorf("CreateKey answered a %T", out)
			}
			id := created.KeyMetadata.KeyID
			fmt.Println(id, 1)
			if _, err := service.Do(ctx, kms.Request{Operation: "RotateKeyOnDemand", Caller: service.Root("local", "test"), Input: &api.RotateKeyOnDemandInput{KeyID: &id}}); err != nil {
				return err
			}
			fmt.Println(id, 2)
		}
	})
}

// killed runs a child that creates keys and kills it within its first moments of work. It returns what the child had
// acknowledged: for each key the highest generation.
func (s site) killed(t *testing.T, after time.Duration) map[string]uint32 {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe, "-test.run=^$")
	child.Env = append(os.Environ(), siteVariable+"="+string(text))
	var complaints strings.Builder
	child.Stderr = &complaints
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[string]uint32{}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if lines.Text() == "ready" {
			time.AfterFunc(after, func() { _ = child.Process.Kill() })
			continue
		}
		var id string
		var generation uint32
		if _, err := fmt.Sscan(lines.Text(), &id, &generation); err == nil {
			acknowledged[id] = generation
		}
	}
	_ = child.Wait()
	if complaints.Len() > 0 {
		t.Fatalf("the child failed by itself: %s", complaints.String())
	}
	return acknowledged
}

// TestAKilledProcessLosesNothingAndLeavesNothing kills a process that creates keys, again and again, and looks at what
// the next start finds: every acknowledged key and generation works, no object in the token is without a row, and no
// row without its object.
func TestAKilledProcessLosesNothingAndLeavesNothing(t *testing.T) {
	const kills = 50
	s := newSite(t)
	acknowledged := map[string]uint32{}
	total := 0
	// A slow machine needs longer until the first key is made: the span of the kills grows until some are, and there are
	// more rounds until they are enough.
	span := 40 * time.Millisecond
	for round, last := 0, false; !last; round++ {
		got := s.killed(t, time.Duration(rand.Int64N(int64(span))))
		if len(got) == 0 && span < 10*time.Second {
			span += span / 4
		}
		for id, generation := range got {
			acknowledged[id] = generation
			total++
		}
		last = round+1 >= kills && total >= kills/2 || round+1 == 2*kills
		err := s.with(t.Context(), func(service *kms.Service, token *hsm.Token) error {
			return s.whole(t, service, acknowledged, last)
		})
		if err != nil {
			t.Fatalf("after kill %d: %v", round+1, err)
		}
	}
	t.Logf("%d keys acknowledged, kills within %v", total, span)
	if total < kills/2 {
		t.Errorf("only %d keys were acknowledged in %d rounds: the kills came too early to prove anything", total, 2*kills)
	}
}

func (s site) whole(t *testing.T, service *kms.Service, acknowledged map[string]uint32, deep bool) error {
	t.Helper()
	items, err := service.Inventory(t.Context())
	if err != nil {
		return err
	}
	found := map[string]uint32{}
	for _, item := range items {
		switch item.Kind {
		case "generation":
			found[string(item.KeyID)] = max(found[string(item.KeyID)], item.Generation)
		case "row key":
		default:
			return fmt.Errorf("left over: %+v", item)
		}
	}
	for id, generation := range acknowledged {
		if found[id] < generation {
			return fmt.Errorf("key %s: generation %d was acknowledged, the highest is %d", id, generation, found[id])
		}
	}
	if !deep {
		return nil
	}
	return service.Inspect(t.Context(), func(f kms.Finding) error {
		if !f.OK {
			return fmt.Errorf("%s: %s", f.Subject, f.Detail)
		}
		return nil
	})
}
