package configs

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/keyhold/keyhold/kms/device"
)

var (
	accountForm    = regexp.MustCompile(`^[0-9]{12}$`)
	serviceForm    = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	regionForm     = regexp.MustCompile(`^([a-z]+-){2,3}\d+$`) // what AWS SDKs and the AWS Encryption SDK accept in an ARN
	variableForm   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	credentialForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$`)
)

// Lengths of CK_TOKEN_INFO's label and serialNumber in octets (PKCS#11 2.40, 3.2).
const (
	labelOctets  = 32
	serialOctets = 16
)

const maxSegmentBytes = 16 << 30

// maxRate is the largest of server.rates.
const maxRate = 1_000_000

// finding is a problem with the fields that it is about, besides its own path.
type finding struct {
	Problem
	about []string
}

// Validate reports every mistake in c, as an *Error without lines. A zero that stands for a default is no mistake.
func (c Config) Validate() error {
	var problems []Problem
	for _, f := range findings(c.withDefaults()) {
		problems = append(problems, f.Problem)
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Problems: problems}
}

// findings checks a Config with its defaults filled in.
func findings(c Config) []finding {
	var out []finding
	say := func(wrong bool, path, format string, args ...any) {
		if wrong {
			out = append(out, finding{Problem: Problem{Path: path, Text: fmt.Sprintf(format, args...)}})
		}
	}
	say(c.Version != Version, "version", "is %d, and this keyhold reads %d; use the keyhold that wrote the file", c.Version, Version)
	say(c.Account == "", "account", "is missing; write 12 digits in quotes")
	say(c.Account != "" && !accountForm.MatchString(c.Account), "account", "is not an AWS account id; write 12 digits in quotes")
	say(!regionForm.MatchString(c.Region), "region", "has not the form of an AWS region; write one such as us-east-1")
	say(c.LockWait < 0, "lock_wait", "is negative; write a duration such as 10s")
	out = append(out, serviceFindings(c.Services)...)
	out = append(out, moduleFindings(c.Module)...)
	out = append(out, tokenFindings(c.Token)...)
	say(*c.Keys.PerAccount < 0, "keys.per_account", "is negative; write a number, or 0 for no limit")
	say(*c.Keys.OnDemandRotations < 0, "keys.on_demand_rotations", "is negative; write a number, or 0 for no limit")
	say(c.Keys.RenewAfterUses > MaxUses, "keys.renew_after_uses", "is more than AES-GCM can bear under one key; write at most %d", uint64(MaxUses))
	say(!filepath.IsAbs(c.Audit.Dir) && !filepath.IsLocal(c.Audit.Dir) || filepath.Clean(c.Audit.Dir) == ".", "audit.dir",
		"is no directory of its own; write a name below the data directory, such as audit, or an absolute path")
	say(c.Audit.SegmentBytes < 4096 || c.Audit.SegmentBytes > maxSegmentBytes, "audit.segment_bytes",
		"is out of range; write a number of bytes from 4096 to %d", int64(maxSegmentBytes))
	out = append(out, serverFindings(c.Server)...)
	return append(out, unprintableFindings(c)...)
}

func serverFindings(s Server) []finding {
	var out []finding
	say := func(wrong bool, path, text string) {
		if wrong {
			out = append(out, finding{Problem: Problem{Path: path, Text: text}})
		}
	}
	const address = "is no address and port; write one such as 127.0.0.1:8480, or :8480 for every address"
	say(!isAddress(s.Listen), "server.listen", address)
	say(s.Admin != "" && !isAddress(s.Admin), "server.admin", address)
	say((s.TLS.Certificate == "") != (s.TLS.Key == ""), "server.tls", "has one of certificate and key; write both or neither")
	say(s.TLS.ClientCA != "" && s.TLS.Certificate == "", "server.tls.client_ca", "needs a certificate of the server; write certificate and key too")
	say(isAddress(s.Listen) && !isLoopback(s.Listen) && s.TLS.Certificate == "" && !s.PlainHTTP, "server.listen",
		"is no loopback address, and there is no certificate; write server.tls, or server.plain_http: true where a proxy has it")
	say(s.Skew < time.Minute || s.Skew > 15*time.Minute || s.Skew%time.Minute != 0, "server.skew", "is out of range; write whole minutes from 1m to 15m")
	say(s.Grace < 0, "server.grace", "is negative; write a duration such as 20s")
	say(s.Connections < 2, "server.connections", "is too small; write 2 or more")
	outOfRange := fmt.Sprintf("is out of range; write a number up to %d, or 0 for any number", maxRate)
	for name, rate := range map[string]int{"account": s.Rates.Account, "principal": s.Rates.Principal,
		"symmetric": s.Rates.Symmetric, "management": s.Rates.Management, "read": s.Rates.Read} {
		say(rate < 0 || rate > maxRate, "server.rates."+name, outOfRange)
	}
	for _, region := range s.Regions {
		say(!regionForm.MatchString(region), "server.regions", "has an entry that has not the form of an AWS region; write one such as us-east-1")
	}
	return out
}

func isAddress(s string) bool {
	_, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && strconv.FormatUint(n, 10) == port
}

// isLoopback tells an address that only this machine can reach.
func isLoopback(s string) bool {
	host, _, err := net.SplitHostPort(s)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func serviceFindings(services []string) []finding {
	var out []finding
	for i, name := range services {
		text := ""
		switch {
		case !serviceForm.MatchString(name):
			text = fmt.Sprintf("has an entry, number %d, that is no name of a service; write 1 to 32 of a-z, 0-9 and -", i+1)
		case slices.Contains(services[:i], name):
			text = fmt.Sprintf("names %s twice; keep one", name)
		default:
			continue
		}
		out = append(out, finding{Problem: Problem{Path: "services", Text: text}})
	}
	return out
}

func moduleFindings(m Module) []finding {
	var out []finding
	if m.Profile != "" && !slices.Contains(Profiles, m.Profile) {
		out = append(out, finding{Problem: Problem{Path: "module.profile",
			Text: "is not known; write one of " + strings.Join(Profiles, ", ") + ", or leave it out"}})
	}
	if m.Path == "" && m.Profile != "" && m.Profile != "softhsm2" {
		out = append(out, finding{Problem: Problem{Path: "module.path",
			Text: "is missing, and only SoftHSM2 is found by itself; write the path of the vendor's PKCS#11 library"}})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Env)) {
		if !variableForm.MatchString(name) {
			out = append(out, finding{Problem: Problem{Path: "module.env." + name,
				Text: "is no name of a variable; use letters, digits and _, and no digit first"}})
		}
	}
	return out
}

func tokenFindings(t Token) []finding {
	var out []finding
	say := func(wrong bool, path, text string) {
		if wrong {
			out = append(out, finding{Problem: Problem{Path: path, Text: text}})
		}
	}
	out = append(out, exactlyOne("token", "name the token, best by its label",
		choice{"label", t.Label != ""}, choice{"serial", t.Serial != ""}, choice{"slot", t.Slot != nil})...)
	say(len(t.Label) > labelOctets || t.Label != strings.TrimRight(t.Label, " "), "token.label",
		"cannot be a token's label; write at most 32 octets, without the blanks that pad it")
	say(len(t.Serial) > serialOctets || t.Serial != strings.TrimRight(t.Serial, " "), "token.serial",
		"cannot be a token's serial number; write at most 16 octets, without the blanks that pad it")
	say(t.Sessions < 0, "token.sessions", "is negative; write a number, or 0 for the profile's")
	say(t.StuckLimit < 0, "token.stuck_limit", "is negative; write a number, or 0 for the default")
	say(t.MaxObjects < 0, "token.max_objects", "is negative; write a number, or 0 for the profile's")
	say(t.IV != 0 && !isIVPolicy(t.IV), "token.iv", "is no IV policy; write host-random, written-back, prepended or appended")
	say(t.CallTimeout < 0, "token.call_timeout", "is negative; write a duration such as 5s")
	out = append(out, exactlyOne("token.pin", "say where the PIN is, best in a file that only Keyhold's user can read",
		choice{"file", t.PIN.File != ""}, choice{"fd", t.PIN.FD != 0}, choice{"credential", t.PIN.Credential != ""})...)
	say(t.PIN.FD != 0 && t.PIN.FD < 3, "token.pin.fd", "is a standard stream, which commands need; write 3 or more")
	say(t.PIN.Credential != "" && !credentialForm.MatchString(t.PIN.Credential), "token.pin.credential",
		"is no name of a credential; write the name alone, without a directory")
	return out
}

func isIVPolicy(p device.IVPolicy) bool {
	same, err := device.ParseIVPolicy(p.String())
	return err == nil && same == p
}

// choice is one way to say something that can be said in several.
type choice struct {
	name  string
	taken bool
}

func exactlyOne(path, todo string, choices ...choice) []finding {
	var names, taken, about []string
	for _, c := range choices {
		names = append(names, c.name)
		about = append(about, join(path, c.name))
		if c.taken {
			taken = append(taken, c.name)
		}
	}
	p := Problem{Path: path}
	switch len(taken) {
	case 1:
		return nil
	case 0:
		p.Text = fmt.Sprintf("needs one of %s; %s", strings.Join(names, ", "), todo)
	default:
		p.Text = fmt.Sprintf("has %s; keep one of them", strings.Join(taken, " and "))
	}
	return []finding{{Problem: p, about: about}}
}

// unprintableFindings refuses what no path, name or variable should hold, and what would not survive being written.
func unprintableFindings(c Config) []finding {
	texts := map[string]string{
		"module.path": c.Module.Path, "module.init_args": c.Module.InitArgs, "token.label": c.Token.Label,
		"token.serial": c.Token.Serial, "token.pin.file": c.Token.PIN.File, "audit.dir": c.Audit.Dir,
	}
	for name, value := range c.Module.Env {
		texts["module.env."+name] = value
	}
	var out []finding
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		if strings.ContainsFunc(texts[path], unprintable) || !utf8.ValidString(texts[path]) {
			out = append(out, finding{Problem: Problem{Path: path, Text: "holds characters that cannot be printed; write it without them"}})
		}
	}
	return out
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
