package configs

import (
	"strings"
	"time"

	"github.com/keyhold/keyhold/kms/device"
	"go.yaml.in/yaml/v3"
)

// field is one line of the schema. Reading, writing, and the names a person is told of, all come from this table.
type field struct {
	path    string                                  // dotted
	doc     string                                  // what a written file says above it
	example string                                  // value shown, commented out, where there is no default to show
	read    func(c *Config, n *yaml.Node) []Problem // sets the field; paths of problems are relative to the field
	show    func(c *Config) string                  // the value as YAML in flow style
}

func row[T any](path, doc string, as codec[T], at func(*Config) *T) field {
	return field{
		path: path, doc: doc,
		read: func(c *Config, n *yaml.Node) []Problem {
			v, problems := as.read(n)
			if len(problems) == 0 {
				*at(c) = v
			}
			return problems
		},
		show: func(c *Config) string { return as.show(*at(c)) },
	}
}

// like gives a row without a default something to show.
func (f field) like(example string) field {
	f.example = example
	return f
}

// sections are the mappings that hold fields, with what a written file says above them.
var sections = map[string]string{
	"module":    "The PKCS#11 library of the HSM.",
	"token":     "The token of that library which holds the master keys. Name it by exactly one of label, serial and slot.",
	"token.pin": "Where the user PIN is: exactly one of file, fd and credential. The PIN itself never stands here.",
	"keys":      "Limits on master keys.",
	"audit":     "The audit log.",
	"server":    "What `keyhold serve` listens on.",
	"server.rates": "How many requests may come in each second, in a burst of as many; more are answered with ThrottlingException. What\n" +
		"the token can bear is the bound besides. They are read when the server starts.",
	"server.tls": "The server's certificate, which is read again when its files change. Without one the API is served on the loopback only.",
}

// fields is the schema, in the order of a written file; the fields of a section stand together.
var fields = []field{
	row("version", "The schema of this file.", whole[int](1), func(c *Config) *int { return &c.Version }),
	row("account", "The AWS account id in ARNs: 12 digits of your choice, in quotes. It cannot be changed later.",
		text, func(c *Config) *string { return &c.Account }).like(`"111122223333"`),
	row("region", "The region in ARNs and signatures. Any name of the form of an AWS region will do; clients check the form.",
		text, func(c *Config) *string { return &c.Region }),
	row("lock_wait", "How long a command waits for another process that holds the data directory.",
		span, func(c *Config) *time.Duration { return &c.LockWait }),
	row("dev", "Marks a throw-away data directory, which the server refuses. Only `keyhold dev` writes it.",
		flag, func(c *Config) *bool { return &c.Dev }),

	row("services", "Services that get a key of their own, which Keyhold makes when alias/aws/<service> is first used in an account.",
		texts, func(c *Config) *[]string { return &c.Services }).like("[ebs, s3]"),

	row("module.path", "The shared library. Left out: SoftHSM2, found where packages put it.",
		text, func(c *Config) *string { return &c.Module.Path }).like(`"/usr/lib/softhsm/libsofthsm2.so"`),
	row("module.profile", "What kind of token it is: "+strings.Join(Profiles, ", ")+".\nLeft out: recognised by what library and token show of themselves.",
		text, func(c *Config) *string { return &c.Module.Profile }).like(`"softhsm2"`),
	row("module.init_args", "Parameters of C_Initialize, for the few libraries that want them, such as NSS.",
		text, func(c *Config) *string { return &c.Module.InitArgs }).like(`"configdir='sql:/var/lib/nss'"`),
	row("module.env", "Environment variables set before the library is loaded. A value that begins with ./ or ../ starts at\n"+
		"this file's directory; any other is passed on as it is.",
		variables, func(c *Config) *map[string]string { return &c.Module.Env }).like(`{SOFTHSM2_CONF: "./softhsm2.conf"}`),

	row("token.label", "The token's label.",
		text, func(c *Config) *string { return &c.Token.Label }).like(`"keyhold"`),
	row("token.serial", "The token's serial number.",
		text, func(c *Config) *string { return &c.Token.Serial }).like(`"0123456789abcdef"`),
	row("token.slot", "The slot's number. Many libraries renumber their slots, so prefer the label.",
		opt(whole[uint64](0)), func(c *Config) **uint64 { return &c.Token.Slot }).like("0"),
	row("token.sessions", "Size of the session pool. 0: the profile's.",
		whole[int](0), func(c *Config) *int { return &c.Token.Sessions }),
	row("token.iv", "Who makes the IVs of AES-GCM, where the profile is wrong about it: host-random, written-back, prepended or\n"+
		"appended. `keyhold hsm probe` tells which one holds. Generations keep the one they were made with.",
		ivPolicy, func(c *Config) *device.IVPolicy { return &c.Token.IV }).like("host-random"),
	row("token.max_objects", "How many objects the token holds: keys are refused before it is full. 0: as the profile says.",
		whole[int](0), func(c *Config) *int { return &c.Token.MaxObjects }),
	row("token.stuck_limit", "How many calls of the token may never return before the process gives up, with exit code 75, so that its\n"+
		"supervisor starts a new one. 0: 16 or twice the pool, whichever is more.",
		whole[int](0), func(c *Config) *int { return &c.Token.StuckLimit }),
	row("token.call_timeout", "Deadline of one call to the token. A call that misses it costs its session.",
		span, func(c *Config) *time.Duration { return &c.Token.CallTimeout }),
	row("token.exclusive", "true: nobody else uses this token, so half-made keys on it are ours to remove.\n"+
		"Left out: true for SoftHSM2, false for others.",
		opt(flag), func(c *Config) **bool { return &c.Token.Exclusive }).like("true"),
	row("token.pin.file", "A file that holds the PIN and that only Keyhold's user can read.",
		text, func(c *Config) *string { return &c.Token.PIN.File }).like(`"/etc/keyhold/pin"`),
	row("token.pin.fd", "An inherited file descriptor that yields the PIN, 3 or more.",
		whole[int](3), func(c *Config) *int { return &c.Token.PIN.FD }).like("3"),
	row("token.pin.credential", "A systemd credential (LoadCredential= or LoadCredentialEncrypted=), by name.",
		text, func(c *Config) *string { return &c.Token.PIN.Credential }).like(`"keyhold-pin"`),

	row("keys.per_account", "How many keys one account may have, those pending deletion among them. AWS KMS allows 100000 by default. 0: no limit.",
		opt(whole[int](0)), func(c *Config) **int { return &c.Keys.PerAccount }),
	row("keys.on_demand_rotations", "How often one key may be rotated on demand. AWS KMS allows 25. 0: no limit.",
		opt(whole[int](0)), func(c *Config) **int { return &c.Keys.OnDemandRotations }),
	row("keys.renew_after_uses", "Encryptions after which a key gets a new generation by itself. The default, 2^31, stays well below\n"+
		"the 2^32 that NIST SP 800-38D allows under one AES-GCM key. At most 4294967295.",
		whole[uint64](1), func(c *Config) *uint64 { return &c.Keys.RenewAfterUses }),

	row("audit.dir", "Its directory, relative to the data directory.",
		text, func(c *Config) *string { return &c.Audit.Dir }),
	row("audit.segment_bytes", "Size in bytes at which a segment is closed and the next begun, 4096 or more.",
		whole[int64](4096), func(c *Config) *int64 { return &c.Audit.SegmentBytes }),

	row("server.listen", "Address and port of the AWS API.",
		text, func(c *Config) *string { return &c.Server.Listen }),
	row("server.admin", "Address and port of /healthz, /readyz and /metrics, which ask for no signature. Left out: there are none.",
		text, func(c *Config) *string { return &c.Server.Admin }).like(`"127.0.0.1:8481"`),
	row("server.plain_http", "true: serve without TLS on other addresses than the loopback's, for a proxy on the same network that has it.",
		flag, func(c *Config) *bool { return &c.Server.PlainHTTP }),
	row("server.regions", "Further regions that signatures may be made for. Keys and ARNs have the region above.",
		texts, func(c *Config) *[]string { return &c.Server.Regions }).like("[us-east-1]"),
	row("server.skew", "How far a signature's time may be off, either way: whole minutes, 15m at most.",
		span, func(c *Config) *time.Duration { return &c.Server.Skew }),
	row("server.grace", "How long requests under way are waited for when the server ends.",
		span, func(c *Config) *time.Duration { return &c.Server.Grace }),
	row("server.connections", "How many connections may be open at a time; one address may have half of them.",
		whole[int](2), func(c *Config) *int { return &c.Server.Connections }),
	row("server.rates.account", "Of each account. 0: any number.",
		whole[int](0), func(c *Config) *int { return &c.Server.Rates.Account }),
	row("server.rates.principal", "Of each user and role. 0: any number.",
		whole[int](0), func(c *Config) *int { return &c.Server.Rates.Principal }),
	row("server.rates.symmetric", "Of each account, of operations with keys, such as Encrypt, and of GenerateRandom. 0: any number.",
		whole[int](0), func(c *Config) *int { return &c.Server.Rates.Symmetric }),
	row("server.rates.management", "Of each account, of changes, such as CreateKey. 0: any number.",
		whole[int](0), func(c *Config) *int { return &c.Server.Rates.Management }),
	row("server.rates.read", "Of each account, of operations that only look, such as DescribeKey. 0: any number.",
		whole[int](0), func(c *Config) *int { return &c.Server.Rates.Read }),
	row("server.tls.certificate", "The certificate with its chain, in PEM.",
		text, func(c *Config) *string { return &c.Server.TLS.Certificate }).like(`"/etc/keyhold/tls.crt"`),
	row("server.tls.key", "Its private key, in PEM, which only Keyhold's user can read.",
		text, func(c *Config) *string { return &c.Server.TLS.Key }).like(`"/etc/keyhold/tls.key"`),
	row("server.tls.client_ca", "Authorities whose certificates clients must have, in PEM. Left out: clients need none.",
		text, func(c *Config) *string { return &c.Server.TLS.ClientCA }).like(`"/etc/keyhold/clients.crt"`),
}
