package configs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/keyhold/keyhold/configs"
	"github.com/keyhold/keyhold/internal/ownership"
	"github.com/keyhold/keyhold/kms/device"
)

const least = `version: 1
account: "111122223333"
token:
  label: kms
  pin: {file: pin}
`

func TestEverySampleLoads(t *testing.T) {
	samples, err := filepath.Glob("*.yaml")
	if err != nil || len(samples) < 2 {
		t.Fatalf("found samples %v, error %v", samples, err)
	}
	for _, name := range samples {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), name) // the checkout may have any owner and mode
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := configs.Load(copied); err != nil {
			t.Errorf("%v", err)
		}
	}
}

func TestAFileThatOthersCanWriteIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := errors.Join(os.WriteFile(path, []byte(least), 0o600), os.Chmod(path, 0o620)); err != nil {
		t.Fatal(err)
	}
	_, err := configs.Load(path)
	var refusal *ownership.Error
	if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "run: chmod go-w "+path) {
		t.Errorf("got %v", err)
	}
}

func TestTheFullSampleNamesEveryField(t *testing.T) {
	sample, err := os.ReadFile("softhsm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	written, err := configs.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(written)) {
		name, _, isField := strings.Cut(strings.TrimSpace(line), ": ")
		if isField && !strings.HasPrefix(name, "#") && !strings.Contains(string(sample), name+":") {
			t.Errorf("softhsm.yaml does not tell of %s", name)
		}
	}
}

func TestDefaultsAreFilledIn(t *testing.T) {
	c, err := configs.Parse([]byte(least), "config.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := configs.Config{
		Version: 1, Account: "111122223333", Region: "us-east-1", LockWait: 10 * time.Second,
		Token:  configs.Token{Label: "kms", PIN: configs.PIN{File: "pin"}, CallTimeout: 5 * time.Second},
		Keys:   configs.Keys{PerAccount: new(10000), OnDemandRotations: new(25), RenewAfterUses: 1 << 31},
		Audit:  configs.Audit{Dir: "audit", SegmentBytes: 64 << 20},
		Server: configs.Server{Listen: "127.0.0.1:8480", Skew: 5 * time.Minute, Grace: 20 * time.Second, Connections: 10000},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestAWrittenZeroIsKept(t *testing.T) {
	c, err := configs.Parse([]byte(least+"keys: {on_demand_rotations: 0}\n"), "")
	if err != nil || *c.Keys.OnDemandRotations != 0 {
		t.Errorf("no limit became %+v, error %v", c.Keys, err)
	}
}

func TestAnUnquotedAccountKeepsItsZeros(t *testing.T) {
	c, err := configs.Parse([]byte(strings.Replace(least, `"111122223333"`, "000000000017", 1)), "")
	if err != nil || c.Account != "000000000017" {
		t.Errorf("got %q, %v", c.Account, err)
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := least + "module: {path: lib/p11.so, env: {A: ./a.conf, B: a.conf, C: ../c}}\nserver: {tls: {certificate: tls.crt, key: tls.key}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(dir))
	c, err := configs.Load(filepath.Join(filepath.Base(dir), "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Module.Path, c.Token.PIN.File, c.Module.Env["A"], c.Module.Env["B"], c.Module.Env["C"], c.Audit.Dir, c.Server.TLS.Certificate, c.Server.TLS.Key}
	want := []string{filepath.Join(dir, "lib/p11.so"), filepath.Join(dir, "pin"), filepath.Join(dir, "a.conf"), "a.conf",
		filepath.Join(filepath.Dir(dir), "c"), "audit", filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMistakesAreNamedWithPlaceAndNextStep(t *testing.T) {
	const sound = "version: 1\naccount: '111122223333'\n"
	token := func(lines string) string { return sound + "token:\n  label: kms\n" + lines }
	for name, tc := range map[string]struct{ text, want string }{
		"an empty file":            {"", "c.yaml: is empty; write one with `keyhold init`"},
		"a list":                   {"- a\n", "c.yaml:1: is a list; begin with lines such as version: 1"},
		"broken YAML":              {"a: [\n", "c.yaml: is not YAML; mend the line that is named"},
		"a second document":        {least + "---\nversion: 1\n", "c.yaml:6: a second document begins here"},
		"an empty second document": {least + "---\n", "a second document begins here"},
		"no version":               {"account: '111122223333'\n", "c.yaml: version: is missing; write version: 1"},
		"a newer version":          {"version: 2\n", "c.yaml:1: version: is 2, and this keyhold reads 1"},
		"an unknown field":         {least + "regoin: x\n", "c.yaml:6: regoin: unknown field; known here: version, account, region"},
		"an unknown nested field":  {token("  pin: {flie: x}\n"), "c.yaml:5: token.pin.flie: unknown field; known here: file, fd, credential"},
		"a field twice":            {least + "version: 1\n", "c.yaml:6: version: stands twice, first on line 1; keep one"},
		"a dotted name":            {sound + "token.label: x\n", "c.yaml:3: a field's name is letters"},
		"an alias":                 {sound + "region: &r us-east-1\nlock_wait: *r\n", "c.yaml:4: lock_wait: is a YAML alias"},
		"a merge":                  {sound + "<<: {a: b}\n", "c.yaml:3: a field's name is letters"},
		"a PIN":                    {token("  pin: 1234\n"), "c.yaml:5: token.pin: a PIN never stands in a configuration"},
		"a section as a list":      {sound + "keys: [1]\n", "c.yaml:3: keys: is a list; write its fields on indented lines"},
		"a short account":          {"version: 1\naccount: 17\n", "c.yaml:2: account: is not an AWS account id"},
		"a bad region":             {sound + "region: mars\n", "c.yaml:3: region: has not the form of an AWS region"},
		"a bool for text":          {sound + "region: true\n", "c.yaml:3: region: is true or false; write text in quotes"},
		"text for a number":        {token("  sessions: many\n"), "token.sessions: is text; write a whole number, 0 or more"},
		"a fraction":               {token("  sessions: 1.5\n"), "token.sessions: is a fraction"},
		"an unknown IV policy":     {token("  iv: random\n"), "c.yaml:5: token.iv: is no IV policy; write host-random, written-back"},
		"a number for a policy":    {token("  iv: 1\n"), "token.iv: is a number; write the name of an IV policy"},
		"fewer than no objects":    {token("  max_objects: -1\n"), "token.max_objects: is too small"},
		"a negative slot":          {sound + "token: {slot: -1}\n", "token.slot: is out of range"},
		"no unit":                  {sound + "lock_wait: 10\n", "c.yaml:3: lock_wait: is a number; write a duration of at least 1ms with its unit"},
		"no time at all":           {sound + "lock_wait: 0s\n", "c.yaml:3: lock_wait: is no usable duration"},
		"one service":              {sound + "services: ebs\n", "c.yaml:3: services: is text; write a list such as [ebs, s3]"},
		"a service of a number":    {sound + "services: [ebs, 3]\n", "services: is a number; write a name"},
		"a service in capitals":    {sound + "services: [ebs, S3]\n", "services: has an entry, number 2, that is no name of a service; write 1 to 32 of a-z, 0-9 and -"},
		"a service without name":   {sound + "services: ['']\n", "services: has an entry, number 1, that is no name"},
		"a service by its alias":   {sound + "services: [alias/aws/s3]\n", "services: has an entry, number 1, that is no name"},
		"a service twice":          {sound + "services: [ebs, s3, ebs]\n", "services: names ebs twice; keep one"},
		"too many uses":            {sound + "keys: {renew_after_uses: 4294967296}\n", "keys.renew_after_uses: is more than AES-GCM can bear"},
		"no uses":                  {sound + "keys: {renew_after_uses: 0}\n", "keys.renew_after_uses: is too small; write a whole number, 1 or more, or leave"},
		"a small segment":          {sound + "audit: {segment_bytes: 1}\n", "audit.segment_bytes: is too small; write a whole number, 4096"},
		"an escaping directory":    {sound + "audit: {dir: ../x}\n", "audit.dir: is no directory of its own"},
		"an unknown profile":       {sound + "module: {profile: acme}\n", "module.profile: is not known; write one of softhsm2, cloudhsm, luna, nshield, generic"},
		"a vendor without library": {sound + "module: {profile: generic}\n", "c.yaml:3: module.path: is missing, and only SoftHSM2"},
		"a bad variable":           {sound + "module: {env: {1A: x}}\n", "c.yaml:3: module.env: a field's name is letters"},
		"a variable twice":         {sound + "module: {env: {A: x, A: y}}\n", "c.yaml:3: module.env.A: stands twice"},
		"a variable of no text":    {sound + "module: {env: {A: [x]}}\n", "c.yaml:3: module.env.A: is a list"},
		"an address without port":  {sound + "server: {listen: localhost}\n", "c.yaml:3: server.listen: is no address and port"},
		"plain HTTP for everybody": {sound + "server: {listen: ':80'}\n", "c.yaml:3: server.listen: is no loopback address, and there is no certificate; write server.tls, or server.plain_http"},
		"a certificate alone":      {sound + "server: {tls: {certificate: x}}\n", "server.tls: has one of certificate and key; write both or neither"},
		"clients' certificates":    {sound + "server: {tls: {client_ca: x}}\n", "server.tls.client_ca: needs a certificate of the server"},
		"a skew of seconds":        {sound + "server: {skew: 90s}\n", "server.skew: is out of range; write whole minutes from 1m to 15m"},
		"a region of another kind": {sound + "server: {regions: [mars]}\n", "server.regions: has an entry that has not the form of an AWS region"},
		"too high a rate":          {sound + "server: {rates: {account: 1000001}}\n", "server.rates.account: is out of range; write a number up to 1000000"},
		"too high a rate of reads": {sound + "server: {rates: {read: 1000001}}\n", "server.rates.read: is out of range; write a number up to 1000000"},
		"a rate of no class":       {sound + "server: {rates: {asymmetric: 5}}\n", "server.rates.asymmetric: unknown field; known here: account, principal, symmetric, management, read"},
		"part of a request":        {sound + "server: {rates: {management: 0.5}}\n", "server.rates.management: is a fraction; write a whole number"},
		"a negative rate":          {sound + "server: {rates: {principal: -1}}\n", "server.rates.principal: is too small"},
		"no token":                 {sound, "c.yaml: token: needs one of label, serial, slot; name the token, best by its label"},
		"two names of the token":   {token("  slot: 0\n"), "c.yaml:3: token: has label and slot; keep one of them"},
		"a long label":             {sound + "token: {label: a23456789012345678901234567890123}\n", "token.label: cannot be a token's label"},
		"no PIN":                   {token(""), "c.yaml:3: token.pin: needs one of file, fd, credential"},
		"two PINs":                 {token("  pin: {file: x, fd: 3}\n"), "c.yaml:5: token.pin: has file and fd; keep one"},
		"standard input as PIN":    {token("  pin: {fd: 0}\n"), "token.pin.fd: is too small; write a whole number, 3 or more"},
		"a credential with a path": {token("  pin: {credential: ../x}\n"), "token.pin.credential: is no name of a credential"},
		"a NUL in a path":          {token(`  pin: {file: "a\0b"}` + "\n"), "token.pin.file: holds characters that cannot be printed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configs.Parse([]byte(tc.text), "c.yaml")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestAllMistakesComeAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := configs.Parse([]byte("version: 1\nregion: 1\nlock_wait: soon\ntoken:\n  pin: hunter2\n  labl: x\naudit: {dir: ..}\n"), "c.yaml")
	got, ok := errors.AsType[*configs.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *Error", err)
	}
	var paths []string
	for _, p := range got.Problems {
		paths = append(paths, p.Path)
	}
	want := []string{"account", "region", "lock_wait", "token", "token.pin", "token.labl", "audit.dir"}
	if !reflect.DeepEqual(paths, want) {
		t.Errorf("got %q, want %q\n%v", paths, want, err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the message repeats a PIN: %v", err)
	}
}

// full sets every field but those that exclude each other.
func full() configs.Config {
	return configs.Config{
		Version: 1, Account: "000000000017", Region: "eu-central-1", LockWait: 1500 * time.Millisecond, Dev: true,
		Services: []string{"ebs", "secrets-manager"},
		Module:   configs.Module{Path: "/opt/ä b.so", InitArgs: `a='b "c"'`, Env: map[string]string{"B": "2", "A": "./c: #"}, Profile: "generic"},
		Token: configs.Token{Serial: "01", PIN: configs.PIN{Credential: "pin"}, Sessions: 3, IV: device.IVAppended, MaxObjects: 17,
			CallTimeout: time.Minute, Exclusive: new(false)},
		Keys:  configs.Keys{PerAccount: new(0), OnDemandRotations: new(0), RenewAfterUses: configs.MaxUses},
		Audit: configs.Audit{Dir: "/var/log/keyhold", SegmentBytes: 4096},
		Server: configs.Server{Listen: ":443", Admin: "127.0.0.1:8481", Regions: []string{"us-east-1", "us-gov-west-1"}, Skew: 15 * time.Minute,
			Grace: time.Second, Connections: 2, PlainHTTP: true, Rates: configs.Rates{Account: 500, Principal: 50, Symmetric: 400, Management: 15, Read: 100},
			TLS: configs.TLS{Certificate: "/etc/tls.crt", Key: "/etc/tls.key", ClientCA: "/etc/clients.crt"}},
	}
}

func TestAWrittenConfigurationReadsBackToTheSameValue(t *testing.T) {
	slot := full()
	slot.Token.Serial, slot.Token.Slot, slot.Token.PIN = "", new(uint64(1<<63)), configs.PIN{FD: 3}
	for name, want := range map[string]configs.Config{"every field": full(), "slot and descriptor": slot} {
		t.Run(name, func(t *testing.T) {
			text, err := configs.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := configs.Parse(text, "config.yaml")
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%v\n%s\ngot  %+v\nwant %+v", err, text, got, want)
			}
		})
	}
}

func TestADefaultIsWrittenAsAComment(t *testing.T) {
	c, err := configs.Parse([]byte(least), "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := configs.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nversion: 1\n", "\n# region: \"us-east-1\"\n", "\n  # call_timeout: 5s\n", "\n    file: \"pin\"\n", "\n    # fd: 3\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("missing %q in\n%s", want, text)
		}
	}
}

func TestWriteMakesAPrivateFileAndNeverOverwrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := configs.Write(path, full()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v, want 0600", info.Mode(), err)
	}
	if err := configs.Write(path, full()); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
}

func TestAnUnsoundConfigurationIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	c := full()
	c.Account, c.Token.PIN.FD = "", 1
	c.Token.PIN.Credential = ""
	err := configs.Write(path, c)
	if _, ok := errors.AsType[*configs.Error](err); !ok || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("got %v, want two problems", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	for _, name := range []string{"dev.yaml", "softhsm.yaml"} {
		sample, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sample)
	}
	f.Add([]byte(least + "module: {env: {A: \"\\u00e9\"}, init_args: 0x10}\nlock_wait: 1h\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := configs.Parse(data, "fuzz.yaml")
		if err != nil {
			return
		}
		text, err := configs.Marshal(c)
		if err != nil {
			t.Fatalf("marshal %+v: %v", c, err)
		}
		again, err := configs.Parse(text, "fuzz.yaml")
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("%v\n%s\ngot  %+v\nwant %+v", err, text, again, c)
		}
	})
}
